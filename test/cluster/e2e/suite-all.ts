/** What `npm run e2e -- --all` runs; the last part uninstalls. */
import './suite.ts';
import './events.suite.ts';
import './figures.suite.ts';
import './roles.suite.ts';
import './upgrade.suite.ts';
import './chaos.suite.ts';
import './uninstall.suite.ts';
import './namespaced.suite.ts';
