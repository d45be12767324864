'use strict';
/**
 * Runs inside Azurite (`node --require`) and lets only its orderly end end it.
 *
 * Azurite listens to the first SIGTERM alone, and a second one kills it while it still saves what it
 * has acknowledged. There may be a second one: Linux tells the children of a killed process at the end
 * of each of its threads. While it starts and does not listen yet, the first one ends it.
 */
const SIGNALS = { SIGTERM: 15, SIGINT: 2 };
let listens = false;
for (const [signal, number] of Object.entries(SIGNALS)) {
  process.on(signal, () => {
    if (!listens) process.exit(128 + number);
  });
}
process.on('newListener', (name) => {
  listens ||= name in SIGNALS;
});
