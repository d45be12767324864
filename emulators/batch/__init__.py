"""The Azure Batch service on one machine: its wire protocol, its rules, and tasks as real
processes.

From the inside out, each layer knowing only what stands before it:
  document, errors, clock, options   what everything speaks: JSON, service errors, time, settings
  autoscale                          the formula language as a library of its own
  query                              $filter, $select and paging over documents
  model                              pools, nodes, jobs, tasks and their state tables; pure
  scheduler                          which task goes where and what an ending means; pure decisions
  store                              SQLite: what survives a kill
  agent, transfer                    processes on "nodes", blobs in and out
  service                            the verbs: what a request or a passing moment does to the model
  faults, auth, wire                 the HTTP shell: routes, signatures, planned misbehaviour
"""
