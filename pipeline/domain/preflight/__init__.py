"""What would refuse a deployment: which questions to ask Azure, and what its answers mean.

Pure: the questions are words for the Azure CLI, and the answers are the JSON that it prints.
"""
