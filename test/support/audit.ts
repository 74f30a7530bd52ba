/** Reads the audit log of a local environment. */
import { readFileSync } from 'node:fs';
import type { Environment } from '../../local/environment-types.ts';

/** A request that the API server has answered. */
export interface AuditLine {
  readonly requestReceivedTimestamp: string;
  readonly verb: string;
  readonly user: { readonly username: string };
  /** An adapter of a source acts as the ServiceAccount of that source. */
  readonly impersonatedUser?: { readonly username: string };
  readonly objectRef?: { readonly apiGroup?: string; readonly resource: string; readonly subresource?: string };
  readonly responseStatus?: { readonly code: number };
  readonly requestURI: string;
}

/** Returns all requests until now, in their order. */
export function auditLines({ auditLogPath = '' }: Environment): AuditLine[] {
  const lines = readFileSync(auditLogPath, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as AuditLine);
}
