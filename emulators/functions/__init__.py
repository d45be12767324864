"""The Functions host: Microsoft's own Python runtime in a child process, our triggers around it.

From the inside out. Blank lines separate layers; each layer knows only those before it, and its
members do not know one another. The layers contract in pyproject.toml says the same.

  errors, timespans               what can go wrong, time spans and the clock

  worker                          the child process, and what it and the host say to each other

  app                             what the app says of itself, and how one of its functions runs
  keys, requests                  access keys, what an endpoint reads of a request

  queue, timer, http, eventgrid   the triggers

  host                            one function app, running; its admin endpoints, its log
"""
