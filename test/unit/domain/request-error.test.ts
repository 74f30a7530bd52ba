/** Which failed calls are what: by status and reason, and by nothing else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requestError } from '../../../functions/domain/request-error.ts';

type Kind = Exclude<keyof typeof requestError, 'of'>;

const kinds = Object.keys(requestError).filter((name): name is Kind => name !== 'of');

const terminating = 'unable to create new content in namespace shop because it is being terminated';

const cases: readonly (readonly [name: string, error: unknown, want: readonly Kind[]])[] = [
  ['not there', requestError.of(404, 'NotFound', ''), ['is', 'isNotFound']],
  ['written by somebody else', requestError.of(409, 'Conflict', ''), ['is', 'isConflict']],
  ['there already', requestError.of(409, 'AlreadyExists', ''), ['is', 'isConflict', 'isAlreadyExists']],
  ['an expired list', requestError.of(410, 'Expired', ''), ['is', 'isGone']],
  ['not allowed', requestError.of(403, 'Forbidden', 'cannot get resource'), ['is', 'isForbidden']],
  ['a namespace that goes', requestError.of(403, 'Forbidden', terminating), ['is', 'isForbidden', 'isTerminating']],
  ['the same words with another status', requestError.of(500, 'InternalError', terminating), ['is']],
  ['refused by a rule', requestError.of(422, 'Invalid', ''), ['is', 'isInvalid']],
  ['not understood', requestError.of(400, 'BadRequest', ''), ['is', 'isInvalid']],
  ['no answer at all', requestError.of(0, 'Unreachable', ''), ['is']],
  ['any other error', new Error(terminating), []],
  ['an error of the same name without a status', Object.assign(new Error('x'), { name: 'Failure' }), []],
  ['another error with a status', Object.assign(new Error('x'), { status: 404, reason: 'AlreadyExists' }), []],
  ['what is no error', { name: 'Failure', status: 404, reason: 'AlreadyExists', message: terminating }, []],
  ['nothing', undefined, []],
];

// Every status that one question asks for, without being a failure of a call.
const strangers = [400, 403, 404, 409, 410, 422].map((status) =>
  Object.assign(new Error(terminating), { status, reason: 'AlreadyExists' }),
);

for (const [name, error, want] of cases) {
  test(`${name} is ${want.length === 0 ? 'no failure of a call' : want.join(', ')}`, () =>
    assert.deepEqual(
      kinds.filter((kind) => requestError[kind](error)),
      want,
    ));
}

test('a stranger with a status is nothing of these', () => {
  for (const error of strangers)
    assert.deepEqual(
      kinds.filter((kind) => requestError[kind](error)),
      [],
    );
});

test('a failure keeps what it was made of', () => {
  const { name, status, reason, message } = requestError.of(404, 'NotFound', 'pgbackups "a" not found');
  assert.deepEqual(
    { name, status, reason, message },
    {
      name: 'Failure',
      status: 404,
      reason: 'NotFound',
      message: 'pgbackups "a" not found',
    },
  );
});
