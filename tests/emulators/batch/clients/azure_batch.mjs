// The story of clients/story.py, told by @azure/batch (api-version 2022-10-01.16.0).
import { text } from "node:stream/consumers";
import { BatchServiceClient, BatchSharedKeyCredentials } from "@azure/batch";
import { POOL } from "./pool.mjs";

const [endpoint, account, key, wrongKey] = process.argv.slice(2);
const client = new BatchServiceClient(new BatchSharedKeyCredentials(account, key), endpoint);
const stranger = new BatchServiceClient(new BatchSharedKeyCredentials(account, wrongKey), endpoint);
const seen = {};

async function refusal(request) {
  try {
    await request;
  } catch (error) {
    const values = (error.body?.values ?? []).map(({ key, value }) => [key, value]);
    const message = error.body?.message?.value.split("\n")[0];
    return { status: error.statusCode, code: error.code, message, values: Object.fromEntries(values) };
  }
  return "it was not refused";
}

async function collected(first) {
  const sizes = [first.length], all = [...first];
  for (let link = first.odatanextLink; link; ) {
    const page = await client.task.listNext(link);
    sizes.push(page.length);
    all.push(...page);
    link = page.odatanextLink;
  }
  return [sizes, all];
}

const poolInfo = { poolId: "pool" };
await client.pool.add(POOL);
seen.exists = [(await client.pool.exists("pool")).body, (await client.pool.exists("other")).body];
const pool = await client.pool.get("pool");
seen.pool = [pool.id, pool.state, pool.vmSize, pool.taskSlotsPerNode, pool.targetDedicatedNodes];

await client.job.add({ id: "job", poolInfo, constraints: { maxWallClockTime: "PT1H" } });
seen.job_exists = await refusal(client.job.add({ id: "job", poolInfo }));
seen.bad_property = await refusal(client.job.add({ id: "bad", priority: 5000, poolInfo }));
seen.unknown_job = await refusal(client.job.get("unknown"));
seen.wrong_key = await refusal(stranger.job.get("job"));
seen.wrong_tag = await refusal(
  client.job.patch("job", { priority: 1 }, { jobPatchOptions: { ifMatch: "0x1" } }),
);

const commandLine = "/bin/sh -c 'echo hello from $AZ_BATCH_TASK_ID'";
await client.task.add("job", { id: "single", commandLine });
const many = Array.from({ length: 25 }, (_, n) => ({ id: `task-${n}`, commandLine: "/bin/true" }));
const added = await client.task.addCollection("job", [...many, { id: "single", commandLine }]);
seen.added = added.value.map(({ taskId, status, error }) => [taskId, status, error?.code ?? null]);

const taskListOptions = { filter: "startswith(id,'task-')", select: "id", maxResults: 10, timeout: 20 };
const [sizes, listed] = await collected(await client.task.list("job", { taskListOptions }));
seen.pages = sizes;
seen.listed = listed.map((task) => [task.id, task.state ?? null]);

for (const limit = Date.now() + 1000 * process.env.LIMIT_S; Date.now() < limit; ) {
  const { taskCounts } = await client.job.getTaskCounts("job");
  seen.counts = [taskCounts.active, taskCounts.running, taskCounts.succeeded, taskCounts.failed];
  if (taskCounts.completed === 26) break;
}
const task = await client.task.get("job", "single");
seen.task = [task.state, task.executionInfo.exitCode, task.executionInfo.result];

const whole = await client.file.getFromTask("job", "single", "stdout.txt");
seen.stdout = await text(whole.readableStreamBody);
const range = { fileGetFromTaskOptions: { ocpRange: "bytes=0-4" } };
const part = await client.file.getFromTask("job", "single", "stdout.txt", range);
seen.range = await text(part.readableStreamBody);
const about = await client.file.getPropertiesFromTask("job", "single", "stdout.txt");
seen.size = about.contentLength;
seen.files = (await client.file.listFromTask("job", "single")).map((file) => file.name);
const { nodeId } = task.nodeInfo;
const deep = await client.file.getFromComputeNode("pool", nodeId, "workitems/job/job-1/single/stdout.txt");
seen.node_file = await text(deep.readableStreamBody);
// This client does not read the body of a stream that is refused.
seen.unknown_file = (await refusal(client.file.getFromTask("job", "single", "none.txt"))).status;

await client.job.patch("job", { priority: 7 });
seen.priority = (await client.job.get("job")).priority;
seen.succeeded = await refusal(client.task.reactivate("job", "single"));
await client.task.deleteMethod("job", "single");
seen.deleted_task = (await refusal(client.task.get("job", "single"))).code;
await client.job.terminate("job", { terminateReason: "enough" });
seen.reason = (await client.job.get("job")).executionInfo.terminateReason;
await client.pool.evaluateAutoScale("pool", "$TargetDedicatedNodes = 1").catch((error) => {
  seen.no_autoscale = error.statusCode;
});
await client.pool.enableAutoScale("pool", { autoScaleFormula: "$TargetDedicatedNodes = 1" });
seen.formula = (await client.pool.evaluateAutoScale("pool", "$TargetDedicatedNodes = 3")).results;
await client.job.deleteMethod("job");
await client.pool.deleteMethod("pool");
for (const limit = Date.now() + 1000 * process.env.LIMIT_S; Date.now() < limit; ) {
  seen.gone = [(await refusal(client.job.get("job"))).code, (await refusal(client.pool.get("pool"))).code];
  if (seen.gone[0] && seen.gone[1]) break;
}
console.log(JSON.stringify(seen));
