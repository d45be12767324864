'use strict';
/**
 * Runs inside Azurite (`node --require`, after outbox_hook.cjs, which loads the command line) and mends
 * what it does otherwise than Storage with signatures of version 2026-04-06 and later:
 *
 * - a signature that may create blobs uploads them in blocks, too, over none that exists;
 * - a user delegation key signs the time of a snapshot.
 */
const crypto = require('node:crypto');
const path = require('node:path');

const source = path.dirname(path.resolve(process.argv[1]));
const SINCE = '2026-04-06';

function part(...names) {
  return require(path.join(source, 'blob', ...names));
}

const Operation = part('generated', 'artifacts', 'operation.js').default;
const Context = part('context', 'BlobStorageContext.js').default;
const Errors = part('errors', 'StorageErrorFactory.js').default;
const Signatures = part('authentication', 'BlobSASAuthenticator.js').default;
const needed = part('authentication', 'OperationBlobSASPermission.js');
const IN_BLOCKS = ['BlockBlob_StageBlock', 'BlockBlob_StageBlockFromURL', 'BlockBlob_CommitBlockList'].map(
  (name) => Operation[name],
);
for (const table of [needed.OPERATION_BLOB_SAS_BLOB_PERMISSIONS, needed.OPERATION_BLOB_SAS_CONTAINER_PERMISSIONS]) {
  for (const operation of IN_BLOCKS) table.get(operation).permission += 'c';
}

const validate = Signatures.prototype.validate;
Signatures.prototype.validate = async function (request, context) {
  const passed = await validate.call(this, request, context);
  const creates = !(request.getQuery('sp') || '').includes('w');
  if (passed && creates && IN_BLOCKS.includes(context.operation)) {
    const { account, container, blob } = new Context(context);
    const old = (request.getQuery('sv') || '') < SINCE;
    if (old || (await this.blobExist(account, container, blob))) {
      throw Errors.getAuthorizationPermissionMismatch(context.contextId);
    }
  }
  return passed;
};

const signing = part('authentication', 'IBlobSASSignatureValues.js');
const SNAPSHOT = 19; // the line of the text to sign in which Azurite leaves the time of a snapshot out
const delegated = signing.generateBlobSASSignatureWithUDK;
signing.generateBlobSASSignatureWithUDK = function (values, resource, account, key) {
  const [signature, text] = delegated.call(this, values, resource, account, key);
  if (!values.snapshot || values.version < SINCE) return [signature, text];
  const lines = text.split('\n');
  lines[SNAPSHOT] = values.snapshot;
  const whole = lines.join('\n');
  return [crypto.createHmac('sha256', key).update(whole, 'utf8').digest('base64'), whole];
};
