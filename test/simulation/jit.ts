/**
 * Imported before the functions: they ask zod for little start-up time, a simulation parses the same schemas millions of
 * times. What is parsed is the same either way.
 */
import { globalConfig } from 'zod/v4/core';

Object.defineProperty(globalConfig, 'jitless', { get: () => false, set: () => undefined });
