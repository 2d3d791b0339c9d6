/**
 * Spares Node's test runner the hooks that it sets on every promise, which made a third of the
 * processor time of the unit tests. It has them to know which test an error that nobody caught
 * belongs to; without them the error is printed without the test's name, and fails the run.
 *
 * The runner also learns from them which suite is being described. That needs no hook on promises:
 * suites and tests are resources of a class, whose constructor tells of them here.
 *
 * This is plain JavaScript, and imported before `node:test` is, because the runner takes both names
 * from the module when it is loaded.
 */
import asyncHooks from "node:async_hooks";

const { AsyncResource, createHook, executionAsyncId } = asyncHooks;
let noteResource = () => {};

asyncHooks.createHook = ({ init }) => {
  // The runner's hook is the first; those of others are none of our business.
  asyncHooks.createHook = createHook;
  noteResource = init;
  return createHook({});
};

asyncHooks.AsyncResource = class extends AsyncResource {
  constructor(type, options) {
    super(type, options);
    noteResource(this.asyncId(), type, executionAsyncId(), this);
  }
};
