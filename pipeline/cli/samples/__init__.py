"""Sample inputs of the pipelines that Fanfare ships; `samples` lists them.

Each is made on demand of what is installed or of a package: no foreign text, picture or film is
part of the repository.
"""
