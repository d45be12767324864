// Lists the pools with a token instead of a key, by @azure-rest/core-client and by @azure/batch; https only.
import { getClient } from "@azure-rest/core-client";
import { BatchServiceClient } from "@azure/batch";

const [endpoint, token] = process.argv.slice(2);
const asked = new Set();
const credential = {
  async getToken(scopes) {
    [scopes].flat().forEach((scope) => asked.add(scope));
    return { token, expiresOnTimestamp: Date.now() + 3_600_000 };
  },
};
const current = getClient(endpoint, credential, {
  apiVersion: "2024-07-01.20.0",
  credentials: { scopes: ["https://batch.core.windows.net//.default"] },
});
const answer = await current.pathUnchecked("/pools").get();
const older = new BatchServiceClient(credential, endpoint);
const listed = await older.pool.list().catch((error) => error);
console.log(
  JSON.stringify({
    core_client: answer.body.code ?? answer.body.value.map(({ id }) => id),
    azure_batch: listed.code ?? listed.map(({ id }) => id),
    scopes: [...asked],
  }),
);
