/** The settings of a function, read from its environment once at start. */
import * as z from 'zod';

const Environment = z.object({
  /** Port to listen on; Knative sets it. */
  PORT: z.coerce.number().int().min(0).max(65_535).default(8080),
  /** Where our own events go; the SinkBinding sets it. */
  K_SINK: z.string().optional(),
  /** The only namespace to work in; empty means all. */
  AIDBOX_NAMESPACE: z.string().default(''),
});
export type Environment = z.infer<typeof Environment>;

/** Throws with the name of the variable when one is unusable. */
export function readEnvironment(variables: NodeJS.ProcessEnv): Environment {
  const parsed = Environment.safeParse(variables);
  if (parsed.success) return parsed.data;
  throw new Error(`environment: ${z.prettifyError(parsed.error)}`);
}
