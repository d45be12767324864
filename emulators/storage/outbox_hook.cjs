'use strict';
/**
 * Runs inside Azurite (`node --require`) and tells of every committed blob write: one JSON line in the
 * outbox file before the success response leaves.
 *
 * It wraps the metadata store's five commit points, not the HTTP layer, because only there are length
 * and type of a block list or a copy known, and because deletes inside a batch pass there too. These are
 * internals of one Azurite version: the launcher checks the pin, and a missing method stops the start.
 * A line that cannot be written fails the request, so that the client tries again.
 */
const crypto = require('node:crypto');
const fs = require('node:fs');
const Module = require('node:module');
const path = require('node:path');

const outbox = process.env.FANFARE_OUTBOX;
const endpoint = process.env.FANFARE_BLOB_ENDPOINT;
const etagSeed = process.env.FANFARE_ETAG_SEED;
const source = path.dirname(path.resolve(process.argv[1]));
const TAIL_BYTES = 64 * 1024;
const SILENT_CONTAINERS = new Set(['$logs', '$blobchangefeed']);

/** The highest sequencer that the outbox holds; also ends a line that a crash cut short. */
function recover() {
  if (!fs.existsSync(outbox)) return 0n;
  const file = fs.openSync(outbox, 'r+');
  try {
    const size = fs.fstatSync(file).size;
    const tail = Buffer.alloc(Math.min(size, TAIL_BYTES));
    fs.readSync(file, tail, 0, tail.length, size - tail.length);
    const text = tail.toString('utf8');
    if (size > 0 && !text.endsWith('\n')) fs.writeSync(file, '\n', size);
    const seen = text.match(/"sequencer":"([0-9a-f]{48})"/g) || [];
    return seen.map((hit) => BigInt('0x' + hit.slice(13, -1))).reduce((a, b) => (a > b ? a : b), 0n);
  } finally {
    fs.closeSync(file);
  }
}

// The clock lifts the counter over everything an earlier, since removed outbox may have held.
let last = recover();
function nextSequencer() {
  const clock = BigInt(Date.now()) << 20n;
  last = clock > last ? clock : last + 1n;
  return last.toString(16).padStart(48, '0');
}

function blobUrl(account, container, name) {
  const encoded = name.split('/').map(encodeURIComponent).join('/');
  return `${endpoint}/${account}/${container}/${encoded}`;
}

let spokenCount = 0;
/** Events give eTags bare; the awkward profile quotes about half of them. */
function spoken(etag) {
  const bare = etag.replaceAll('"', '');
  if (etagSeed === undefined) return bare;
  spokenCount += 1;
  const draw = crypto.createHash('sha256').update(`${etagSeed}:${spokenCount}`).digest()[0];
  return draw % 2 === 0 ? bare : `"${bare}"`;
}

function tell(context, api, blob, created) {
  if (SILENT_CONTAINERS.has(blob.container)) return;
  const sequencer = nextSequencer();
  const { etag, contentLength, contentType, blobType } = blob.properties;
  const data = {
    api,
    clientRequestId: context.request.getHeader('x-ms-client-request-id') || '',
    requestId: context.contextId,
    ...(created && { eTag: spoken(etag) }),
    contentType,
    ...(created && { contentLength }),
    blobType,
    url: blobUrl(blob.account, blob.container, blob.name),
    sequencer,
  };
  const line = {
    id: crypto.randomUUID(),
    eventType: created ? 'Microsoft.Storage.BlobCreated' : 'Microsoft.Storage.BlobDeleted',
    eventTime: new Date().toISOString(),
    subject: `/blobServices/default/containers/${blob.container}/blobs/${blob.name}`,
    data,
  };
  // Opened anew for each line: whoever moves the file away finds the next line in a fresh one.
  fs.appendFileSync(outbox, JSON.stringify(line) + '\n');
}

// Telemetry is off, and loading its library is half of Azurite's start-up time and 60 MiB.
const load = Module._load;
Module._load = function (request, ...rest) {
  return request === 'applicationinsights' ? {} : load.call(this, request, ...rest);
};

// Environment first: Azurite's modules rely on having read the command line.
require(path.join(source, 'common', 'Environment.js'));
const Store = require(path.join(source, 'blob', 'persistence', 'LokiBlobMetadataStore.js')).default;

function wrap(method, around) {
  const original = Store.prototype[method];
  if (typeof original !== 'function') throw new Error(`Azurite has no ${method}: not the pinned version.`);
  Store.prototype[method] = around(original);
}

function stored(store, account, container, name) {
  const blobs = store.db.getCollection(store.BLOBS_COLLECTION);
  return blobs.findOne({ accountName: account, containerName: container, name, snapshot: '' });
}

function place(blob, properties) {
  return { account: blob.accountName, container: blob.containerName, name: blob.name, properties };
}

wrap('createBlob', (original) => async function (context, blob, ...rest) {
  const result = await original.call(this, context, blob, ...rest);
  tell(context, 'PutBlob', place(blob, blob.properties), true);
  return result;
});

wrap('commitBlockList', (original) => async function (context, blob, ...rest) {
  const result = await original.call(this, context, blob, ...rest);
  // The summed length is on the stored document; the handler's own copy lacks it after an overwrite.
  const now = stored(this, blob.accountName, blob.containerName, blob.name);
  const mine = now && now.properties.etag === blob.properties.etag ? now.properties : blob.properties;
  tell(context, 'PutBlockList', place(blob, mine), true);
  return result;
});

for (const method of ['startCopyFromURL', 'copyFromURL']) {
  wrap(method, (original) => async function (context, from, to, ...rest) {
    const properties = await original.call(this, context, from, to, ...rest);
    tell(context, 'CopyBlob', { account: to.account, container: to.container, name: to.blob, properties }, true);
    return properties;
  });
}

wrap('deleteBlob', (original) => async function (context, account, container, name, options) {
  const before = stored(this, account, container, name);
  const properties = before && { ...before.properties };
  const result = await original.call(this, context, account, container, name, options);
  const gone = properties && !stored(this, account, container, name);
  if (gone) tell(context, 'DeleteBlob', { account, container, name, properties }, false);
  return result;
});
