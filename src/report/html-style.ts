/** The style sheet of the HTML report; its hash stands in the page's content policy. Colour means an outcome or a data connection, nothing else. */
export const HTML_STYLE = `
:root{--ink:#1d2127;--soft:#5d6671;--line:#d8dce2;--paper:#fff;--panel:#f7f8fa;--bad:#b42318;--warn:#8a5a00;--good:#4f8a6b;--data:#175cd3;--badge:#1d2127;--on-badge:#fff}
@media (prefers-color-scheme:dark){:root{--ink:#e4e7eb;--soft:#98a2ae;--line:#333b45;--paper:#13161a;--panel:#1a1e24;--bad:#ff8b80;--warn:#f0b450;--good:#5fa582;--data:#86b4ff;--badge:#e4e7eb;--on-badge:#13161a}}
@media print{:root{--ink:#000;--soft:#444;--line:#bbb;--paper:#fff;--panel:#fff;--bad:#a11d13;--warn:#6d4700;--good:#3c7557;--data:#123c8c;--badge:#000;--on-badge:#fff}}
*{box-sizing:border-box}
html{background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;-webkit-text-size-adjust:100%}
body{margin:0}
main{max-width:64rem;margin:0 auto;padding:3rem 1.5rem 5rem}
h1{font-size:2rem;line-height:1.2;font-weight:650;margin:.3rem 0 .4rem;letter-spacing:-.015em;overflow-wrap:anywhere}
h2{font-size:1.25rem;line-height:1.35;font-weight:650;margin:0 0 .5rem;overflow-wrap:anywhere}
h2 small{font-size:1rem;font-weight:400;color:var(--soft)}
h3{font-size:1rem;margin:1.2rem 0 .3rem}
p{margin:.35rem 0;overflow-wrap:anywhere}
.soft,figcaption{color:var(--soft)}
.brand{font-size:.85rem;color:var(--soft);margin:0}
.about{font-size:.92rem}
.meaning{margin:.7rem 0 0;max-width:46rem}
code,pre,.time,.packet,.label,.who,.address,.brand{font-family:ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono","Liberation Mono",monospace}
code{font-size:.88em;overflow-wrap:anywhere}
.subject>*{margin-right:.6rem}
.subject code{font-size:.95em;font-weight:600}
pre{font-size:.84rem;line-height:1.45;background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:.55rem .75rem;margin:0 0 .4rem;white-space:pre-wrap;overflow-wrap:anywhere}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.2rem,1fr));border:1px solid var(--line);border-radius:8px;margin:1.6rem 0 0;overflow:hidden}
.tile{padding:.7rem 1rem;box-shadow:1px 0 0 var(--line),0 1px 0 var(--line)}
.tile b{display:block;font-size:1.7rem;font-weight:600;line-height:1.2;font-variant-numeric:tabular-nums}
.tile span{color:var(--soft);font-size:.88rem}
.tile.bad b{color:var(--bad)}.tile.warn b{color:var(--warn)}.tile.none b{color:var(--soft);font-weight:400}
a{color:inherit;text-decoration-color:var(--soft);text-decoration-thickness:1px;text-underline-offset:.2em}
nav ol{padding-left:2rem;margin:1.6rem 0 0}
nav li{margin:.2rem 0;padding-left:.3rem}
nav li::marker{color:var(--soft);font-variant-numeric:tabular-nums}
section{margin:3rem 0 0}
section.failure{border-top:2px solid var(--line);padding-top:1.3rem}
section.failed{border-color:var(--bad)}section.refused,section.undetermined{border-color:var(--warn)}
.outcome{display:block;break-after:avoid;font-size:.85rem;font-weight:600;color:var(--soft);margin-bottom:.1rem}
.outcome::first-letter{text-transform:uppercase}
.failed .outcome{color:var(--bad)}.refused .outcome,.undetermined .outcome{color:var(--warn)}
dl{margin:1.4rem 0 0}
dl>div{display:grid;grid-template-columns:10.5rem minmax(0,1fr);gap:0 1.4rem;padding:.6rem 0;border-top:1px solid var(--line)}
dt{font-weight:600}
dd{margin:0}
dd p:first-child,dd p:last-child{margin:0}
dd ul,dd ol,section>ul{margin:0;padding-left:1.2rem}
dd ol{padding-left:1.6rem}
li{overflow-wrap:anywhere}
li+li{margin-top:.2rem}
@media (max-width:42rem){main{padding:1.5rem 1rem 3rem}dl>div{grid-template-columns:minmax(0,1fr)}}
table{border-collapse:collapse;width:100%;margin-top:1rem}
th,td{text-align:left;vertical-align:top;border-top:1px solid var(--line);padding:.55rem .8rem .55rem 0;font-weight:400}
th{width:1%;color:var(--soft);font-variant-numeric:tabular-nums}
.hash{font-size:.78em}
figure{margin:1.4rem 0 0;padding:1rem 1rem .7rem;border:1px solid var(--line);border-radius:8px;background:var(--panel);overflow-x:auto}
figcaption{font-size:.85rem;margin-top:.7rem}
svg{display:block;width:100%;min-width:44rem;height:auto}
svg text{fill:var(--ink);font-size:11.5px}
.party{font-weight:600;font-size:13px}
svg .address{fill:var(--soft);font-size:11px}
.middle text,svg .pause,svg .number,.timeline .time{text-anchor:middle}
.end text,svg .end,.ladder .time,.ladder .packet{text-anchor:end}
.lane{stroke:var(--soft);stroke-width:1.2;opacity:.7}
svg .time,svg .packet{fill:var(--soft);font-size:11px}
svg .label{paint-order:stroke;stroke:var(--panel);stroke-width:4px;stroke-linejoin:round}
svg .pause{fill:var(--soft);font-style:italic;paint-order:stroke;stroke:var(--panel);stroke-width:6px}
.wire{stroke:var(--soft);stroke-width:1.3}
.head{fill:var(--soft)}
.data .wire{stroke:var(--data);stroke-dasharray:6 3.5}
.data .head{fill:var(--data)}
.trouble .wire{stroke:var(--bad)}
.trouble .head{fill:var(--bad)}
.cross{stroke:var(--bad);stroke-width:2.2;fill:none}
.evidence .label{font-weight:700}
svg .evidence .packet{font-weight:700;fill:var(--ink)}
.badge{fill:var(--badge)}
svg .number{fill:var(--on-badge);font-size:10.5px;font-weight:600}
.tick{stroke:var(--line);stroke-width:1}
svg .who{font-size:11px}
svg .says{font-size:11.5px;fill:var(--soft)}
.bar{fill:var(--good);opacity:.75}
.bar.failed{fill:var(--bad);opacity:1}
.bar.refused{fill:var(--warn);opacity:1}
svg .failed .says{fill:var(--bad)}
@page{margin:16mm 14mm}
@media print{html{font-size:10pt}main{max-width:none;padding:0}nav a{text-decoration:none}section{margin-top:1.6rem}h1{font-size:1.8rem}.lead,h2,figcaption,svg,dl>div,tr,.tiles{break-inside:avoid}.lead,h2,h3{break-after:avoid}figure{overflow:visible;padding:.6rem .6rem .4rem}figcaption{break-before:avoid}svg{min-width:0}}
`;
