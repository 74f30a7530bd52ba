/** A certificate for tests of TLS, made with nothing but Node.js: X.509 v3 in DER, as RFC 5280 lays it out. */
import { generateKeyPairSync, sign } from 'node:crypto';
import { isIPv6 } from 'node:net';

/** PEM texts. */
export interface SelfSigned {
  readonly key: string;
  readonly certificate: string;
}

const tag = {
  integer: 2,
  bits: 3,
  octets: 4,
  oid: 6,
  utf8: 12,
  sequence: 0x30,
  set: 0x31,
  time: 24,
  version: 0xa0,
  extensions: 0xa3,
  ip: 0x87,
};

const ecdsaWithSha256 = oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2);
const commonName = oid(0x55, 4, 3);
const subjectAltName = oid(0x55, 0x1d, 0x11);

/** For this IP address; valid from 2020 to 2099. */
export function selfSigned(address: string): SelfSigned {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const algorithm = der(tag.sequence, ecdsaWithSha256);
  const name = der(tag.sequence, der(tag.set, der(tag.sequence, commonName, der(tag.utf8, Buffer.from('test')))));
  const validity = der(tag.sequence, time('20200101000000Z'), time('20991231000000Z'));
  const names = der(tag.octets, der(tag.sequence, der(tag.ip, addressBytes(address))));
  const body = der(
    tag.sequence,
    der(tag.version, der(tag.integer, Buffer.from([2]))),
    der(tag.integer, Buffer.from([1])),
    algorithm,
    name,
    validity,
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(tag.extensions, der(tag.sequence, der(tag.sequence, subjectAltName, names))),
  );
  const signature = der(tag.bits, Buffer.from([0]), sign('sha256', body, privateKey));
  const whole = der(tag.sequence, body, algorithm, signature).toString('base64');
  const lines = whole.match(/.{1,64}/g)?.join('\n') ?? '';
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certificate: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
  };
}

function der(type: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([type, ...size]), content]);
}

function oid(...bytes: readonly number[]): Buffer {
  return der(tag.oid, Buffer.from(bytes));
}

function time(text: string): Buffer {
  return der(tag.time, Buffer.from(text));
}

/** Only loopback addresses are needed. */
function addressBytes(address: string): Buffer {
  return isIPv6(address) ? Buffer.from([...Array<number>(15).fill(0), 1]) : Buffer.from(address.split('.').map(Number));
}
