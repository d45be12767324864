"""What the ledger keeps for how long: retention, export, and what a rebuild writes.

retention  how far a pipeline's runs are shrunk and forgotten     export  all rows, as a stream
restored   rows of runs that are put back from their backups
"""
