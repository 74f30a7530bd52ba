/** What `npm run e2e` runs, in this order: later parts need what the first installs. */
import './suite-main.ts';
import './errors.suite.ts';
