import * as z from 'zod';

// The JIT of zod costs more than it saves in a process that parses a few objects and goes away. zod reads this when a
// schema is made: whoever makes one imports this file first.
z.config({ jitless: true });
