/** Secrets by their kind: nobody can list what storage servers print. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { redact } from '../../../functions/domain/text.ts';

const secrets = [
  {
    name: 'H95 the query of a signed URL, not its host and path',
    given: 'PUT https://acc.blob.core.windows.net/wal/base_1?sv=2022-11-02&se=2027&sig=a%2Fb%3D failed',
    want: 'PUT https://acc.blob.core.windows.net/wal/base_1?*** failed',
  },
  {
    name: 'H95 a connection string of Azure',
    given: 'DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=Zm9v/YmFy+A==;EndpointSuffix=core.windows.net',
    want: 'DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=***;EndpointSuffix=core.windows.net',
  },
  { name: 'H95 a shared access signature alone', given: 'sp=r&sig=abc%3D&se=1', want: 'sp=r&sig=***&se=1' },
  {
    name: 'H95 a key in JSON under a name of its own',
    given: '{"sharedKey": "a/b+c=="}',
    want: '{"sharedKey": "***"}',
  },
  { name: 'H95 a short name of a password', given: 'user=x pwd=hunter2', want: 'user=x pwd=***' },
  {
    name: 'H95 a private key over several lines',
    given: 'cannot parse -----BEGIN RSA PRIVATE KEY-----\nMIIE\nAAAA\n-----END RSA PRIVATE KEY----- of GCS',
    want: 'cannot parse *** of GCS',
  },
  { name: 'H95 a private key that was cut', given: 'bad -----BEGIN PRIVATE KEY-----\nMIIE', want: 'bad ***' },
  {
    name: 'H95 a long random word that nothing announces',
    given: 'got wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY0 instead',
    want: 'got *** instead',
  },
];

for (const { name, given, want } of secrets) {
  test(`${name} is hidden`, () => assert.equal(redact(given), want));
}
