import type { Session } from "../analysis.ts";
import type { Conversation } from "../conversation.ts";
import { type Failure, failuresOf } from "./failure.ts";
import { type FailureGroup, FailureGroups } from "./failure-groups.ts";
import { type LadderStep, ladderOf } from "./ladder.ts";
import { safeData } from "./safe-text.ts";
import { TlsDemands } from "./tls-demands.ts";

/** Ladders drawn at most. */
const MAX_LADDERS = 100;

/** Failures in groups, the ladder of each group's example, and who was told to use TLS: for documents that draw them. */
export class DrawnFailures {
  readonly groups = new FailureGroups();
  readonly #ladders = new Map<Failure, LadderStep[]>();
  /** Sessions whose control connection failed. */
  failedControls = 0;
  readonly tlsDemands = new TlsDemands();

  /**
   * @param session safe data
   * @param conversation what its ends did, not yet safe; asked for once at most
   */
  add(session: Session, conversation: (() => Conversation) | undefined): void {
    if (session.control.outcome === "failed") this.failedControls++;
    this.tlsDemands.add(session);
    let told: Conversation | undefined;
    for (const failure of failuresOf(session)) {
      if (!this.groups.add(failure) || !conversation || this.#ladders.size >= MAX_LADDERS) continue;
      told ??= safeData(conversation());
      this.#ladders.set(failure, ladderOf(told, failure.channel?.ordinal ?? null));
    }
  }

  /** Empty where none was drawn. */
  ladderOf(group: FailureGroup): readonly LadderStep[] {
    return this.#ladders.get(group.example) ?? [];
  }
}
