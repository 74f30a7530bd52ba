/** Failures of calls to other systems, divided by the one question that matters: can a retry help? */

/** An error with the HTTP status (0 = no answer at all) and the Kubernetes `reason` of a failed call. */
export interface RequestError extends Error {
  readonly name: 'Failure';
  readonly status: number;
  readonly reason: string;
}

function of(status: number, reason: string, message: string): RequestError {
  return Object.assign(new Error(message), { name: 'Failure' as const, status, reason });
}

function isFailure(error: unknown): error is RequestError {
  return error instanceof Error && error.name === 'Failure' && 'status' in error;
}

/** Constructor and predicates of `RequestError`. */
export const requestError = {
  of,
  is: isFailure,
  isNotFound: (error: unknown): boolean => isFailure(error) && error.status === 404,
  /** Written by somebody else since it was read, or another incarnation of the name: read it again. */
  isConflict: (error: unknown): boolean => isFailure(error) && error.status === 409,
  isAlreadyExists: (error: unknown): boolean => isFailure(error) && error.reason === 'AlreadyExists',
  /** A list token expired: start the list again. */
  isGone: (error: unknown): boolean => isFailure(error) && error.status === 410,
  isForbidden: (error: unknown): boolean => isFailure(error) && error.status === 403,
  /** The namespace is being deleted: nothing can be created there and nothing matters there any more. */
  isTerminating: (error: unknown): boolean =>
    isFailure(error) && error.status === 403 && /because it is being terminated/.test(error.message),
  /** Refused as invalid: by a schema or a CEL rule. A retry with the same content cannot help. */
  isInvalid: (error: unknown): boolean => isFailure(error) && (error.status === 422 || error.status === 400),
};
