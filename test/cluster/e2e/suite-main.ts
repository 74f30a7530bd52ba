/** What `npm run e2e -- --main` runs: the installation, the main job and restores. */
import './installation.suite.ts';
import './seed.suite.ts';
