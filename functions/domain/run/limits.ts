/**
 * How long aidboxops waits, in seconds. docs/reference/limits.md explains each limit to users. A run pins its own
 * deadline and its `notAfter` in `executor` when it starts; every other limit is read anew by each activation.
 */

/** How long a PgBackup waits for its pod, and how long a pod that is gone may take to come back. */
export const podPatience = 600;

/** How long after its slot a PgBackup can be created at the latest: the schema bounds `startingDeadlineSeconds` by it. */
export const latestStart = 75_600;

/** How long two pods may both say that they are the primary before a person is warned: a switchover is over by then. */
export const switchoverPatience = 60;

/** How soon after its start wal-g must have ended for "takes no connection now" to mean that it has done nothing. */
export const soonAfterStart = 60;

/** How long a backup waits for a rotation. The rotation ends within its own deadline; the rest covers a delayed reconcile. */
export const rotationPatience = 3600 + 900;

/** How long archiving may make no progress before a backup that waits for its WAL may fail. */
export const archivingStall = 600;

/** How long the backup of a person waits for its WAL. That of a slot waits until the slot's starting deadline. */
export const archivingPatience = 3600;

/** The schema accepts a shorter starting deadline; this is the least that counts. */
export const leastStartingDeadline = 1800;

/** How long a backup that wal-g has just stored, or a part of it, may be missing in the storage's listing. */
export const listingGrace = 120;

/** How long a run waits for its proof while the storage or the pod cannot be read. */
export const proofPatience = 3600;

/** How long a run may outlive its deadline before the function stops it: 60 s until KILL, and as much again. */
export const deadlineGrace = 120;

/** How long after its deadline a rotation may still be alive, or its pod silent, before it counts as failed. */
export const lastGrace = 600;

/** The hard deadline of a rotation. */
export const rotationTimeout = 3600;

/** How long a `start` may be on its way before the pod refuses it. */
export const startValidity = 30;

/** How long after its `notAfter` a `start` whose stream was cut may still show its effect. */
export const startGrace = 5;
