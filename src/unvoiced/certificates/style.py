"""How the page of a certificate looks, on a screen and on A4."""

STYLE = """
:root{--ink:#1b1f23;--soft:#59636e;--line:#d5dae0;--paper:#fff;--warn:#8a5a00;--wash:#fdf8ee;
 --good:#1f5f4a}
*{box-sizing:border-box}
html{background:#eef0f3;color:var(--ink);
 font:16px/1.55 Georgia,"Times New Roman","DejaVu Serif",serif}
body{margin:0}
main{max-width:50rem;margin:2.5rem auto;padding:3.2rem 3.6rem;background:var(--paper);
 border-top:6px solid var(--good);box-shadow:0 1px 4px #0002}
h1,h2,th,dt,.kicker,.entry,.note,.sign{font-family:"Helvetica Neue",Arial,"DejaVu Sans",sans-serif}
.kicker{margin:0;color:var(--good);font-size:.8rem;font-weight:600;letter-spacing:.09em;
 text-transform:uppercase}
h1{margin:.2rem 0 1.4rem;font-size:1.9rem;line-height:1.2;font-weight:600}
h1::first-letter{text-transform:uppercase}
h2{margin:0 0 .6rem;font-size:1.05rem;font-weight:600}
section{margin-top:2.1rem}
dl{margin:0;border-top:1px solid var(--line)}
dl div{display:flex;gap:1rem;padding:.45rem 0;border-bottom:1px solid var(--line)}
dt{flex:0 0 13rem;color:var(--soft);font-size:.82rem;line-height:1.8}
dd{margin:0;min-width:0}
code,pre{font-family:"SF Mono",Consolas,"DejaVu Sans Mono",monospace;font-size:.82em;
 overflow-wrap:anywhere}
ol,ul{margin:.4rem 0;padding-left:1.4rem}
li{margin:.35rem 0}
.entry{color:var(--soft);font-size:.75rem;white-space:nowrap}
.limit{padding:1.1rem 1.4rem;background:var(--wash);border-left:4px solid var(--warn)}
.limit h2{color:var(--warn)}
.limit p{margin:.2rem 0}
table{width:100%;border-collapse:collapse;font-size:.86rem;line-height:1.45}
th,td{padding:.4rem .8rem .4rem 0;border-bottom:1px solid var(--line);text-align:left;
 vertical-align:top;overflow-wrap:anywhere}
th{font-size:.8rem;font-weight:600}
tbody th{width:27%;font-weight:400}
tbody tr:not(.known) td{color:var(--soft)}
td:last-child{width:22%;color:var(--soft);font-size:.78rem}
.note{color:var(--soft);font-size:.8rem}
.sign{display:flex;gap:2rem;margin-top:3.4rem;color:var(--soft);font-size:.78rem}
.sign span{flex:1;border-top:1px solid var(--ink);padding-top:.3rem}
.appendix{border-top:1px solid var(--line);padding-top:1.6rem}
pre{white-space:pre-wrap;font-size:.66rem;line-height:1.4;color:var(--soft)}
@media (max-width:44rem){main{margin:0;padding:1.6rem 1.2rem}dl div{display:block}}
@page{size:A4;margin:18mm 17mm 16mm}
@media print{
 html{background:none;font-size:9.6pt;line-height:1.45}
 main{max-width:none;margin:0;padding:0;border-top:none;box-shadow:none}
 header,tr,li,.sign{break-inside:avoid}
 section{margin-top:1.5rem}
 .limit{padding:.8rem 1.2rem;-webkit-box-decoration-break:clone;box-decoration-break:clone}
 h2{break-after:avoid}
 .limit{-webkit-print-color-adjust:exact;print-color-adjust:exact}
 .appendix{break-before:page}
 thead{display:table-header-group}
 pre{font-size:6.6pt}
}
"""
