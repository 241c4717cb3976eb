"""How the page looks: light and dark, on a screen, a phone and paper."""

STYLE = """
:root{color-scheme:light dark;--paper:#f6f7f6;--card:#fff;--ink:#15211f;--soft:#5b6866;
 --line:#e2e7e5;--wash:#f0f4f2;--c1:#12867a;--c1d:#064e46;--c2:#6ea3d8;--c3:#e3a83c;--c4:#c65b7c;
 --c5:#8572cf;--c6:#9aa5a3;--good:#0e7468;--look:#a76100;--bad:#b8291f;--head:#0d2b28;
 --head-ink:#f3fbf8;--head-soft:#a9c8c1}
@media (prefers-color-scheme:dark){:root{--paper:#0e1513;--card:#161f1d;--ink:#e6eeeb;
 --soft:#9aaaa6;--line:#2a3633;--wash:#1b2623;--c1:#2fae9d;--c1d:#8fe3d5;--c2:#5b93cc;--c3:#d79d35;
 --c4:#d97594;--c5:#9c8be0;--c6:#75827f;--good:#4cc7b5;--look:#e5a94a;--bad:#f07167;--head:#0a1f1c}}
*{box-sizing:border-box}
html{background:var(--paper);color:var(--ink);-webkit-text-size-adjust:100%;
 font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;
 font-variant-numeric:tabular-nums}
body{margin:0}
.in{max-width:68rem;margin:0 auto;padding:0 1.5rem}
header{background:var(--head);color:var(--head-ink);padding:2.2rem 0 2.4rem}
.kicker{margin:0;color:var(--head-soft);font-size:.85rem;overflow-wrap:anywhere}
h1{margin:.6rem 0 .3rem;display:flex;gap:.9rem;align-items:center;
 font-size:clamp(1.5rem,4.4vw,2.5rem);line-height:1.15;font-weight:650;letter-spacing:-.02em}
.seal{flex:none;display:grid;place-items:center;width:1.5em;height:1.5em;border-radius:50%;
 background:#35b8a4;color:#06231f;font-size:.8em;font-weight:700}
.look .seal{background:#f0b44c}.bad .seal{background:#f07167}
.sum{display:flex;flex-wrap:wrap;gap:.6rem .9rem;align-items:center;margin:1.6rem 0 0;padding:0}
.sum>div{flex:1 1 8.5rem;background:#ffffff12;border-radius:12px;padding:.7rem 1rem .8rem}
.sum>span{color:var(--head-soft);font-size:1.5rem}
.sum b{display:block;font-size:clamp(1.35rem,3vw,1.9rem);line-height:1.2;font-weight:650;
 letter-spacing:-.01em}
.sum small{color:var(--head-soft);font-size:.82rem}
.counts{margin:.9rem 0 0;color:var(--head-soft);font-size:.9rem}
main.in{padding-top:1.6rem;padding-bottom:2rem}
section,.findings{background:var(--card);border:1px solid var(--line);border-radius:16px;
 padding:1.6rem 1.7rem 1.4rem;margin:0 0 1.2rem}
h2{margin:0;font-size:1.25rem;line-height:1.3;font-weight:650;letter-spacing:-.01em}
h3{margin:1.5rem 0 .3rem;font-size:.98rem;font-weight:600}
.for{float:right;margin:.25rem 0 .4rem 1rem;color:var(--soft);font-size:.78rem}
p{margin:.5rem 0;max-width:46rem}
.soft,.note{color:var(--soft)}
.note{font-size:.88rem}
.findings{border-left:5px solid var(--look)}
.findings.bad{border-left-color:var(--bad)}
.findings ul{margin:.6rem 0 0;padding:0;list-style:none}
.findings li{margin:.7rem 0 0;max-width:50rem}
.findings li b{font-weight:600}.findings li.bad b{color:var(--bad)}
.findings li span{display:block;color:var(--soft);font-size:.92rem}
.big{display:flex;flex-wrap:wrap;gap:.4rem 2.6rem;margin:1.1rem 0 .6rem}
.big div{min-width:7rem}
.big b{display:block;font-size:clamp(1.9rem,5vw,3rem);line-height:1.1;font-weight:650;
 letter-spacing:-.03em;color:var(--good)}
.big b.over{color:var(--look)}
.big small{color:var(--soft);font-size:.88rem}
figure{margin:1rem 0 .2rem}
figcaption{margin:0 0 .35rem;font-size:.9rem;font-weight:600}
svg{display:block;width:100%;height:auto;overflow:visible}
.phone{display:none}
.t{fill:var(--soft);font-size:12px}.strong{fill:var(--ink);font-weight:600}
.grid{stroke:var(--line);stroke-width:1}.axis{stroke:var(--c6);stroke-width:1}
.c1{fill:var(--c1)}.c1d{fill:var(--c1d)}.c2{fill:var(--c2)}.c3{fill:var(--c3)}.c4{fill:var(--c4)}
.c5{fill:var(--c5)}.c6{fill:var(--c6)}.late{fill:var(--bad)}.coming{fill:var(--c6)}
.whisker{stroke:var(--c1d);stroke-width:1.3;opacity:.6}
.limit{stroke:var(--bad);stroke-width:1.2;stroke-dasharray:5 4}.limit-t{fill:var(--bad)}
.line{fill:none!important;stroke-width:2;stroke:var(--c4);stroke-linejoin:round}
.line.c5{stroke:var(--c5)}
.now{stroke:var(--soft);stroke-width:1;stroke-dasharray:2 3}.gone{stroke:var(--ink);stroke-width:3}
.legend{display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;margin:.3rem 0 0;padding:0;list-style:none;
 color:var(--soft);font-size:.85rem}
.legend i{display:inline-block;width:.75em;height:.75em;margin-right:.4em;border-radius:3px}
i.c1{background:var(--c1)}i.c1d{background:var(--c1d);border-radius:50%}i.c2{background:var(--c2)}
i.c3{background:var(--c3)}i.c4{background:var(--c4)}i.c5{background:var(--c5)}
i.c6{background:var(--c6)}i.late{background:var(--bad)}
details{margin:.6rem 0 0}
summary{cursor:pointer;color:var(--good);font-size:.88rem}
.scroll{overflow-x:auto;max-height:26rem;overflow-y:auto;margin:.5rem 0 0}
table{width:100%;border-collapse:collapse;font-size:.88rem;line-height:1.45}
th,td{padding:.42rem .9rem .42rem 0;border-bottom:1px solid var(--line);text-align:left;
 vertical-align:top;white-space:nowrap}
th{color:var(--soft);font-size:.8rem;font-weight:600}
.n{text-align:right}
td.wide{white-space:normal;overflow-wrap:anywhere;min-width:13rem}
.state{display:inline-block;padding:0 .55em;border-radius:99px;background:var(--wash);
 font-size:.92em}
.state.good{color:var(--good)}.state.look{color:var(--look)}.state.bad{color:var(--bad)}
code,pre{font-family:ui-monospace,"SF Mono",Consolas,"DejaVu Sans Mono",monospace;font-size:.86em;
 overflow-wrap:anywhere}
pre{margin:.6rem 0;padding:.8rem 1rem;border-radius:10px;background:var(--wash);
 white-space:pre-wrap}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.3rem 1.4rem;margin:.8rem 0}
dt{color:var(--soft);font-size:.88rem}dd{margin:0;overflow-wrap:anywhere}
.warn{margin:1rem 0;padding:.7rem 1rem;border-left:4px solid var(--look);background:var(--wash);
 border-radius:0 10px 10px 0}
.two{display:grid;grid-template-columns:2fr 1fr;gap:2rem;align-items:end}
ul.plain{margin:.6rem 0;padding-left:1.2rem;max-width:48rem}ul.plain li{margin:.3rem 0}
footer{color:var(--soft);font-size:.85rem;padding:0 0 2.5rem}
@media (max-width:46rem){
 .in{padding-left:.9rem;padding-right:.9rem}
 section,.findings{padding:1.2rem 1rem;border-radius:12px}
 .screen{display:none}.phone{display:block}.two{display:block}.for{float:none;margin:.1rem 0}
 .sum{align-items:stretch}.big{gap:.4rem 1.2rem}.big div{min-width:5.5rem}.big b{font-size:1.7rem}
 .sum>span{display:none}.sum>div{flex:1 1 40%}dl{display:block}dd{margin:0 0 .6rem}}
@media print{html{background:#fff;font-size:11px}header{-webkit-print-color-adjust:exact;
 print-color-adjust:exact}section{break-inside:avoid;border:none;padding:.6rem 0}
 .scroll{max-height:none}details{display:none}}
"""
