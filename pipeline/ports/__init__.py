"""What the engine needs of the world: Protocols of a few verbs, and the values that cross them.

Every verb may safely be called twice. All errors are those of `pipeline.errors`: `Conflict` when a
condition failed, `NotFound`, `QuotaReached`, `JobGone`, `Transient` when the error may pass, and
`Permanent` otherwise.

tables  Table Storage, used by the ledger alone    queues  Storage queues
blobs   Blob Storage, reads and writes             batch   Azure Batch: jobs, pools
world   events, time, chance; all ports as one value
"""
