'use strict';
/**
 * Runs inside Azurite (`node --require`) and reports every committed blob write: it writes one JSON
 * line into the outbox file before the success response leaves.
 *
 * It wraps the five commit points of the metadata store and not the HTTP layer. Only there the length
 * and type of a block list or a copy are known, and deletes inside a batch pass there too. These are
 * internals of one Azurite version: the launcher checks the version, and a missing method stops the
 * start. If a line cannot be written the request fails, so that the client tries again.
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

/** Return the highest sequencer in the outbox, and end a line that a crash has cut. */
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

// The clock lifts the counter above the numbers of an outbox that was removed since.
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
/** eTags in events have no quotation marks; the awkward profile adds them to about half. */
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
  // Opened again for each line, so that after somebody moves the file the next line starts a new one.
  fs.appendFileSync(outbox, JSON.stringify(line) + '\n');
}

// Telemetry is off, and loading its library is half of Azurite's start-up time and 60 MiB.
const load = Module._load;
Module._load = function (request, ...rest) {
  return request === 'applicationinsights' ? {} : load.call(this, request, ...rest);
};

// Environment first, because Azurite's modules expect that the command line has been read.
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
  // Only the stored document has the total length; the handler's copy lacks it after an overwrite.
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
