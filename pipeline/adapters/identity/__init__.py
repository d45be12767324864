"""Who the app is to Azure, and who a caller is to the app."""
