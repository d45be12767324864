// The pool of clients/story.py.
export const POOL = {
  id: "pool",
  vmSize: "standard_d2s_v5",
  targetDedicatedNodes: 1,
  taskSlotsPerNode: 4,
  virtualMachineConfiguration: {
    imageReference: { publisher: "debian", offer: "debian-12", sku: "12" },
    nodeAgentSKUId: "batch.node.debian 12",
  },
};
