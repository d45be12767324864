"""The Azure Batch service on one machine: its wire protocol, its rules, and tasks as real
processes.

From the inside out. Blank lines separate layers; each layer knows only those before it, and its
members do not know one another. The layers contract in pyproject.toml says the same.

  autoscale                       the formula language, as a library of its own
  document, clock, timing         JSON documents, emulated time, how long each phase takes
  faults, vm_sizes                planned misbehaviour, what the name of a size tells

  errors                          the errors of the service

  options, shared_key             what a user may set, how requests are signed
  query, validation               $filter, $select and paging, the shape of bodies
  model                           pools, nodes, jobs, tasks and their state tables; pure

  agent                           processes on "nodes"
  scheduler                       which task goes where, what an ending means; pure decisions

  containers, packages, transfer  containers, application packages, files in and out
  store                           SQLite: what survives a kill

  service                         the verbs: what requests and passing time do to the model
  auth, command_line, entries     who may call, the flags

  wire, page                      the HTTP shell: the operations of the service, a page for people

  simulation, coverage            the service in emulated time alone, which operations there are
"""
