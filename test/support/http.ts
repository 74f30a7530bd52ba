/** CloudEvents to a function's app, as a Broker sends them. */
import assert from 'node:assert/strict';
import type { Express } from 'express';
import request from 'supertest';

/** Posts the event in structured mode and gives the status; an answer never has a body. */
export async function send(app: Express, event: Readonly<Record<string, unknown>>, path = '/'): Promise<number> {
  const body = { specversion: '1.0', id: 'event-1', source: '/test', ...event };
  const answer = await request(app).post(path).type('application/cloudevents+json').send(JSON.stringify(body));
  assert.equal(answer.text, '');
  return answer.status;
}

/** The event of ApiServerSource for a new object. */
export function added(object: object): Record<string, unknown> {
  return { type: 'dev.knative.apiserver.resource.add', data: object };
}
