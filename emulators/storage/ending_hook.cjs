'use strict';
/**
 * Runs inside Azurite (`node --require`) and lets only its orderly end end it.
 *
 * Azurite listens to the first SIGTERM alone, and a second one kills it while it still saves what it
 * has acknowledged. There may be a second one: Linux tells the children of a killed process at the end
 * of each of its threads.
 */
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => {});
