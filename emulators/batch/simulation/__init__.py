"""The service without processes: tasks that only take emulated time (`service.machines.simulated`).

loop     an event loop that lets the clock jump when there is nothing left to do
world    one emulated account in this process, to try pools, formulas and policies on
report   what a run cost and how long its tasks waited

  with Simulation(node_quota=100) as simulation:
      simulation.create_pool({"id": "p", "vmSize": "standard_d2s_v5", "targetDedicatedNodes": 10})
      simulation.create_job({"id": "j", "poolInfo": {"poolId": "p"}})
      simulation.add_tasks("j", [simulated_task("t1", seconds=90)])
      simulation.run()
      print(simulation.report("j"))
"""
