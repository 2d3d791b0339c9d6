/** Who leads is told once, and counted once a term. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { silentLogger } from "../../src/observability/logger.ts";
import { LeaderNews } from "../../src/raft/leader_news.ts";

describe("LeaderNews", () => {
  it("counts each leader once, whatever comes between", () => {
    const news = new LeaderNews(silentLogger);
    const counts = [];
    for (const [term, leaderId] of [[1, null], [2, 3], [2, null], [2, 3], [4, null], [5, 3]]) {
      news.tell({ role: "follower", term: term!, leaderId: leaderId! });
      counts.push(news.changesCount);
    }
    news.tell({ role: "leader", term: 6, leaderId: 1 });
    assert.deepEqual([...counts, news.changesCount], [0, 1, 1, 1, 1, 2, 3]);
  });
});
