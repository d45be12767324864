// The story of story.py, told by @azure-rest/core-client, the runtime of @azure-rest/batch and of @azure/batch 12 and
// later, with requests as those send them (api-version 2024-07-01.20.0).
import { text } from "node:stream/consumers";
import { getClient } from "@azure-rest/core-client";
import { AzureNamedKeyCredential } from "@azure/core-auth";
import { sharedKeyPolicy } from "./shared_key.mjs";
import { POOL } from "./pool.mjs";

const [endpoint, account, key, wrongKey] = process.argv.slice(2);
const contentType = "application/json; odata=minimalmetadata";
const seen = {};

function connected(secret) {
  const client = getClient(endpoint, { allowInsecureConnection: true, apiVersion: "2024-07-01.20.0" });
  client.pipeline.addPolicy(sharedKeyPolicy(new AzureNamedKeyCredential(account, secret)));
  return (path, ...parameters) => client.pathUnchecked(path, ...parameters);
}
const batch = connected(key), stranger = connected(wrongKey);

async function done(request) {
  const answer = await request;
  if (Number(answer.status) >= 300) throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`);
  return answer;
}

async function refusal(request) {
  const { status, body } = await request;
  const values = (body.values ?? []).map(({ key: name, value }) => [name, value]);
  const message = body.message?.value.split("\n")[0];
  return { status: Number(status), code: body.code, message, values: Object.fromEntries(values) };
}

async function collected(path, queryParameters) {
  const sizes = [], all = [];
  for (let answer = await done(batch(path).get({ queryParameters })); ; ) {
    sizes.push(answer.body.value.length);
    all.push(...answer.body.value);
    const link = answer.body["odata.nextLink"];
    if (!link) return [sizes, all];
    answer = await done(batch(link).get());
  }
}

async function file(path, name, headers = {}) {
  const answer = await batch(`${path}/files/{filePath}`, name).get({ headers }).asNodeStream();
  if (answer.status !== "200") throw new Error(answer.status);
  return text(answer.body);
}

const post = (path, body) => batch(path).post({ body, contentType });
const exists = async (path) => (await batch(path).head()).status === "200";

const poolInfo = { poolId: "pool" };
await done(post("/pools", POOL));
seen.exists = [await exists("/pools/pool"), await exists("/pools/other")];
const { body: pool } = await done(batch("/pools/pool").get());
seen.pool = [pool.id, pool.state, pool.vmSize, pool.taskSlotsPerNode, pool.targetDedicatedNodes];

await done(post("/jobs", { id: "job", poolInfo, constraints: { maxWallClockTime: "PT1H" } }));
seen.job_exists = await refusal(post("/jobs", { id: "job", poolInfo }));
seen.bad_property = await refusal(post("/jobs", { id: "bad", priority: 5000, poolInfo }));
seen.unknown_job = await refusal(batch("/jobs/unknown").get());
seen.wrong_key = await refusal(stranger("/jobs/job").get());
seen.wrong_tag = await refusal(
  batch("/jobs/job").patch({ body: { priority: 1 }, contentType, headers: { "if-match": "0x1" } }),
);

const commandLine = "/bin/sh -c 'echo hello from $AZ_BATCH_TASK_ID'";
await done(post("/jobs/job/tasks", { id: "single", commandLine }));
const many = Array.from({ length: 25 }, (_, n) => ({ id: `task-${n}`, commandLine: "/bin/true" }));
const value = [...many, { id: "single", commandLine }];
const { body: added } = await done(post("/jobs/job/addtaskcollection", { value }));
seen.added = added.value.map(({ taskId, status, error }) => [taskId, status, error?.code ?? null]);

const query = { $filter: "startswith(id,'task-')", $select: ["id"], maxresults: 10, timeOut: 20 };
const [sizes, listed] = await collected("/jobs/job/tasks", query);
seen.pages = sizes;
seen.listed = listed.map((task) => [task.id, task.state ?? null]);

for (const limit = Date.now() + 1000 * process.env.LIMIT_S; Date.now() < limit; ) {
  const { taskCounts } = (await done(batch("/jobs/job/taskcounts").get())).body;
  seen.counts = [taskCounts.active, taskCounts.running, taskCounts.succeeded, taskCounts.failed];
  if (taskCounts.completed === 26) break;
}
const { body: task } = await done(batch("/jobs/job/tasks/single").get());
seen.task = [task.state, task.executionInfo.exitCode, task.executionInfo.result];

const single = "/jobs/job/tasks/single";
seen.stdout = await file(single, "stdout.txt");
seen.range = await file(single, "stdout.txt", { "ocp-range": "bytes=0-4" });
const about = await done(batch(`${single}/files/{filePath}`, "stdout.txt").head());
seen.size = Number(about.headers["content-length"]);
seen.files = (await done(batch(`${single}/files`).get())).body.value.map(({ name }) => name);
const node = `/pools/pool/nodes/${task.nodeInfo.nodeId}`;
seen.node_file = await file(node, "workitems/job/job-1/single/stdout.txt");
seen.unknown_file = (await refusal(batch(`${single}/files/none.txt`).get())).status;

await done(batch("/jobs/job").patch({ body: { priority: 7 }, contentType }));
seen.priority = (await done(batch("/jobs/job").get())).body.priority;
seen.succeeded = await refusal(batch(`${single}/reactivate`).post());
await done(batch(single).delete());
seen.deleted_task = (await refusal(batch(single).get())).code;
await done(post("/jobs/job/terminate", { terminateReason: "enough" }));
seen.reason = (await done(batch("/jobs/job").get())).body.executionInfo.terminateReason;
const formula = { autoScaleFormula: "$TargetDedicatedNodes = 3" };
seen.no_autoscale = (await refusal(post("/pools/pool/evaluateautoscale", formula))).status;
await done(post("/pools/pool/enableautoscale", { autoScaleFormula: "$TargetDedicatedNodes = 1" }));
seen.formula = (await done(post("/pools/pool/evaluateautoscale", formula))).body.results;
await done(batch("/jobs/job").delete());
await done(batch("/pools/pool").delete());
for (const limit = Date.now() + 1000 * process.env.LIMIT_S; Date.now() < limit; ) {
  const codes = [await refusal(batch("/jobs/job").get()), await refusal(batch("/pools/pool").get())];
  seen.gone = codes.map(({ code }) => code);
  if (seen.gone[0] && seen.gone[1]) break;
}
console.log(JSON.stringify(seen));
