/** The style sheet of the HTML report; its hash stands in the page's content policy. Colour means an outcome, nothing else. */
export const HTML_STYLE = `
:root{--ink:#1c1f24;--soft:#5b636e;--line:#d9dde3;--paper:#fff;--panel:#f6f7f9;--bad:#b3261e;--warn:#8a5a00;--good:#1f6f43;--link:#0b57d0;--data:#0b57d0}
@media (prefers-color-scheme:dark){:root{--ink:#e6e8eb;--soft:#9aa3ae;--line:#333a43;--paper:#14171b;--panel:#1c2026;--bad:#ff8a80;--warn:#f2b84b;--good:#7fd1a3;--link:#8ab4f8;--data:#8ab4f8}}
@media print{:root{--ink:#000;--soft:#444;--line:#bbb;--paper:#fff;--panel:#fff;--bad:#9c1c15;--warn:#6d4700;--good:#1a5c38;--link:#000;--data:#123c8c}section.failure{break-inside:auto}figure,dl>*,table,.tiles{break-inside:avoid}nav{display:none}}
*{box-sizing:border-box}
html{background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
body{margin:0}
main{max-width:62rem;margin:0 auto;padding:2.5rem 1.5rem 4rem}
h1{font-size:1.9rem;line-height:1.2;margin:.2rem 0 .3rem;letter-spacing:-.01em}
h2{font-size:1.2rem;line-height:1.35;margin:0 0 .4rem}
h2 small{font-weight:400;color:var(--soft)}
p{margin:.3rem 0}
.brand{font:600 .8rem/1 ui-monospace,"SF Mono",Menlo,Consolas,monospace;letter-spacing:.08em;color:var(--soft)}
.when,.about,.subject span,nav span,figcaption{color:var(--soft)}
.about{font-size:.92rem}
.meaning{margin:.6rem 0;max-width:48rem}
code,pre,.time,.packet,.label,.who{font-family:ui-monospace,"SF Mono",Menlo,Consolas,"Liberation Mono",monospace}
code{font-size:.88em;overflow-wrap:anywhere}
.subject code{background:var(--panel);border:1px solid var(--line);border-radius:4px;padding:.05rem .35rem}
pre{font-size:.85rem;background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:.6rem .8rem;margin:.2rem 0;white-space:pre-wrap;overflow-wrap:anywhere}
.tiles{display:flex;flex-wrap:wrap;gap:.6rem;margin:1.2rem 0 .8rem}
.tile{flex:1 1 7rem;border:1px solid var(--line);border-radius:8px;padding:.6rem .8rem;background:var(--panel)}
.tile b{display:block;font-size:1.6rem;line-height:1.2;font-variant-numeric:tabular-nums}
.tile span{color:var(--soft);font-size:.85rem}
.tile.bad b{color:var(--bad)}.tile.warn b{color:var(--warn)}.tile.good b{color:var(--good)}
.causes{color:var(--soft)}
a{color:var(--link);text-decoration-thickness:1px;text-underline-offset:2px}
nav ol{padding-left:1.4rem;margin:1rem 0}
nav li{margin:.15rem 0}
section{margin:2.6rem 0 0}
section.failure{border-top:3px solid var(--line);padding-top:1.1rem}
section.failed{border-color:var(--bad)}section.refused,section.undetermined{border-color:var(--warn)}
.outcome{font-size:.75rem;font-weight:700;text-transform:uppercase;letter-spacing:.06em;vertical-align:.12em;margin-right:.35rem;color:var(--soft)}
.failed .outcome{color:var(--bad)}.refused .outcome{color:var(--warn)}
dl{display:grid;grid-template-columns:11rem 1fr;gap:.55rem 1.2rem;margin:1.2rem 0 0}
dt{font-weight:600}
dd{margin:0;min-width:0}
@media (max-width:40rem){dl{grid-template-columns:1fr;gap:.1rem}dd{margin-bottom:.6rem}}
dd ul,section>ul{margin:0;padding-left:1.1rem}
li{overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%;margin-top:.6rem}
th,td{text-align:left;vertical-align:top;border-top:1px solid var(--line);padding:.5rem .6rem .5rem 0;font-weight:400}
th{width:2rem;color:var(--soft)}
.hash{font-size:.78em}
figure{margin:1.2rem 0;padding:.8rem .6rem .4rem;border:1px solid var(--line);border-radius:8px;background:var(--panel)}
figcaption{font-size:.82rem;padding:.3rem .4rem 0}
svg{display:block;width:100%;height:auto}
svg text{fill:var(--ink);font-size:12px}
svg .party{font-weight:600;text-anchor:middle;font-size:13px}
svg .lane{stroke:var(--soft);stroke-width:1.5}
svg .time,svg .packet{text-anchor:end;fill:var(--soft);font-size:11px}
svg .label{text-anchor:middle;font-size:11.5px;paint-order:stroke;stroke:var(--panel);stroke-width:4px;stroke-linejoin:round}
svg .pause{text-anchor:middle;fill:var(--soft);font-style:italic;font-size:11.5px}
svg .silence{stroke:var(--soft);stroke-width:1;stroke-dasharray:1 5}
svg .wire{stroke:var(--soft);stroke-width:1.4}
svg .head{fill:var(--soft)}
svg .data .wire{stroke:var(--data);stroke-dasharray:6 3}
svg .data .head{fill:var(--data)}
svg .lost .wire,svg .reset .wire,svg .icmp .wire{stroke:var(--bad)}
svg .reset .head,svg .icmp .head{fill:var(--bad)}
svg .cross{stroke:var(--bad);stroke-width:2.2;fill:none}
svg .evidence .label{font-weight:700}
svg .evidence .packet{font-weight:700;fill:var(--ink)}
svg.timeline .time{text-anchor:middle}
svg.timeline .tick{stroke:var(--line);stroke-width:1}
svg.timeline .who{font-size:11px}
svg.timeline .says{font-size:11px;fill:var(--soft)}
svg.timeline .bar{fill:var(--good);opacity:.75}
svg.timeline .failed .bar{fill:var(--bad);opacity:1}
svg.timeline .refused .bar{fill:var(--warn);opacity:1}
svg.timeline .failed .says{fill:var(--bad)}
svg.timeline .refused .says{fill:var(--warn)}
`;
