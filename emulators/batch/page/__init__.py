"""The page at `/`: what the account holds, what goes on in it, and what was refused.

waiting   why a task is still active; pure
document  what the page shows, bounded however much the account holds
routes    HTML, script and style, and the JSON that feeds them
"""
