"""The page at `/`: what the account holds, what happens in it, and what was refused.

waiting   tells why a task is still active; pure
document  builds what the page shows, with a size limit
routes    serves HTML, script and style, and the JSON behind them
"""
