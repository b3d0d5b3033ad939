import { cameAbout } from "../attempt.ts";
import type { ChannelDiagnosis, SessionDiagnosis } from "../diagnose.ts";
import type { AcrossFinding } from "../verdict.ts";
import { secondsText } from "../wording.ts";
import { type AcrossRule, type FindingText, keptAt, SessionTally } from "./across-rule.ts";

export const EPSV_FALLBACK = {
  id: "epsv-fallback",
  title: "EPSV does not work, and the PASV that follows does",
  meaning: "Nothing fails in the end, but each session loses the time until the client tries PASV.",
} as const satisfies FindingText;

/** Told once it happened in so many sessions, or cost so much (seconds): the channel itself says that EPSV was refused. */
const FALLBACK_SESSIONS = 2;
const FALLBACK_SECONDS = 1;

function isConnected({ facts }: ChannelDiagnosis): boolean {
  return facts.connection !== null && cameAbout(facts.connection.connection);
}

/** EPSV does not work, and the PASV that follows does: no failure, but a cost in seconds for every session. */
export class EpsvFallback implements AcrossRule {
  readonly #servers = new Map<string, { count: number; seconds: number; tally: SessionTally }>();

  add({ facts: session, channels }: SessionDiagnosis): boolean {
    let isWhole = true;
    channels.forEach((channel, i) => {
      const next = channels[i + 1];
      const epsv = channel.facts.negotiation;
      const pasv = next?.facts.negotiation;
      if (epsv?.verb !== "EPSV" || !epsv.command) return;
      // Granted and connected: what came of it then (a file that is not there, an ABOR) is not EPSV's.
      if (channel.outcome === "ok" || (epsv.granted && isConnected(channel))) return;
      // Neither known to have failed nor ever tried.
      if (channel.outcome === "not-attempted" || channel.outcome === "undetermined") return;
      if (pasv?.verb !== "PASV" || next.outcome !== "ok" || !pasv.command) return;
      const kept = keptAt(this.#servers, session.server.address, () => ({
        count: 0,
        seconds: 0,
        tally: new SessionTally(),
      }));
      isWhole &&= kept !== undefined;
      if (!kept) return;
      const cost = pasv.command.stamp.time - epsv.command.stamp.time;
      kept.count++;
      kept.seconds += cost;
      kept.tally.add(session.id, {
        packet: epsv.command.stamp.packet,
        says: `EPSV ${epsv.reply ? `answered ${epsv.reply.code}` : "never answered"}; PASV ${secondsText(cost)} later works`,
      });
    });
    return isWhole;
  }

  findings(): AcrossFinding[] {
    const worthTelling = [...this.#servers].filter(
      ([, { seconds, tally }]) => tally.count >= FALLBACK_SESSIONS || seconds >= FALLBACK_SECONDS,
    );
    return worthTelling.map(([server, { count, seconds, tally }]) => ({
      id: "epsv-fallback",
      title: `${server}: EPSV does not work and PASV does, ${count === 1 ? "once" : `${count} times`}; it cost ${secondsText(seconds)} in all`,
      confidence: "certain" as const,
      sessions: tally.sessions,
      sessionCount: tally.count,
      facts: tally.facts,
      remedy: [
        "Allow EPSV on the server or in the inspecting firewall, or tell the client not to try it (curl --disable-epsv).",
      ],
    }));
  }
}
