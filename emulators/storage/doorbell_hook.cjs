'use strict';
/**
 * Runs inside Azurite (`node --require`) and writes the name of a queue into the doorbell file
 * whenever a message of it becomes visible: at once, or when its time has come.
 *
 * It wraps the three points of the metadata store at which a message gets the time of its next
 * visibility. These are internals of one Azurite version: the launcher checks the version, and a
 * missing method stops the start. A ring that is lost, as in a restart, is made good by the next poll.
 */
const fs = require('node:fs');
const path = require('node:path');

const doorbell = process.env.FANFARE_DOORBELL;
const source = path.dirname(path.resolve(process.argv[1]));
const MOST_BYTES = 64 * 1024;

let size = 0;
fs.writeFileSync(doorbell, '');

function ring(queue) {
  const line = `${queue}\n`;
  // Whoever reads it starts again when it has become shorter.
  const start = size + line.length > MOST_BYTES;
  fs.writeFileSync(doorbell, line, { flag: start ? 'w' : 'a' });
  size = start ? line.length : size + line.length;
}

function ringAt(queue, moment) {
  const wait = moment - Date.now();
  if (wait <= 0) ring(queue);
  // The store looks for messages that are visible before now, to the millisecond.
  else setTimeout(ring, wait + 1, queue).unref();
}

const Store = require(path.join(source, 'queue', 'persistence', 'LokiQueueMetadataStore.js')).default;

function wrap(method, after) {
  const original = Store.prototype[method];
  if (typeof original !== 'function') throw new Error(`Azurite has no ${method}: not the pinned version.`);
  Store.prototype[method] = async function (...given) {
    const result = await original.apply(this, given);
    after(result, given);
    return result;
  };
}

for (const method of ['insertMessage', 'updateMessage']) {
  wrap(method, (_, [message]) => ringAt(message.queueName, message.timeNextVisible.getTime()));
}

// What a receiver does not delete in time is visible again.
wrap('getMessages', (messages, [, queue, visible]) => {
  if (messages.length > 0) ringAt(queue, visible.getTime());
});
