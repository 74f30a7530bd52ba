/** What `npm run e2e` runs, in this order: later parts need what the first installs. */
import './installation.suite.ts';
import './seed.suite.ts';
import './errors.suite.ts';
