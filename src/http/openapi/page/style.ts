/** How the page looks: light or dark as the reader's system, unless told otherwise. */
export const STYLE = `
:root{color-scheme:light dark;--text:#1b1f24;--soft:#59636e;--back:#fff;--raised:#f4f6f8;--line:#d5dbe1;--link:#0550ae;
--get:#0a6b3d;--post:#0550ae;--patch:#8a4b00;--delete:#b3141d}
@media (prefers-color-scheme:dark){:root:not([data-theme=light]){--text:#e4e8ec;--soft:#9aa5b1;--back:#14181d;--raised:#1d232a;
--line:#333c46;--link:#79b8ff;--get:#56d38a;--post:#79b8ff;--patch:#f0b35b;--delete:#ff8b8b}}
:root[data-theme=dark]{color-scheme:dark;--text:#e4e8ec;--soft:#9aa5b1;--back:#14181d;--raised:#1d232a;--line:#333c46;
--link:#79b8ff;--get:#56d38a;--post:#79b8ff;--patch:#f0b35b;--delete:#ff8b8b}
:root[data-theme=light]{color-scheme:light}
*{box-sizing:border-box}
body{margin:0;font:15px/1.5 system-ui,sans-serif;color:var(--text);background:var(--back)}
header{position:sticky;top:0;z-index:1;display:flex;gap:1rem;align-items:center;padding:.6rem 1rem;background:var(--raised);
border-bottom:1px solid var(--line)}
header h1{margin:0;font-size:1.1rem}
header small{color:var(--soft);font-weight:400}
input,button{font:inherit;color:inherit;background:var(--back);border:1px solid var(--line);border-radius:.35rem;padding:.3rem .6rem}
input{flex:1;max-width:32rem}
button{cursor:pointer}
.columns{display:grid;grid-template-columns:16rem minmax(0,1fr);max-width:84rem;margin:0 auto}
nav{position:sticky;top:3.3rem;align-self:start;max-height:calc(100vh - 3.3rem);overflow:auto;padding:1rem;font-size:.9rem}
nav ul{list-style:none;margin:0 0 1rem;padding:0}
main{padding:1rem;min-width:0}
a{color:var(--link)}
nav a{text-decoration:none}
code,pre{font:13px/1.45 ui-monospace,monospace}
pre{overflow:auto;margin:.4rem 0;padding:.7rem;background:var(--raised);border:1px solid var(--line);border-radius:.35rem}
details.operation,section.schema{border:1px solid var(--line);border-radius:.35rem;margin:.5rem 0;scroll-margin-top:4rem}
details.operation>summary{cursor:pointer;padding:.5rem .7rem;display:flex;gap:.7rem;align-items:baseline;flex-wrap:wrap}
details.operation>div,section.schema{padding:.2rem .9rem .8rem}
.method{font:700 12px ui-monospace,monospace;min-width:3.6rem}
.get{color:var(--get)}.post{color:var(--post)}.patch{color:var(--patch)}.delete{color:var(--delete)}
.soft{color:var(--soft)}
h2{margin:1.6rem 0 .2rem}h3{margin:1rem 0 .2rem;font-size:1rem}h4{margin:.9rem 0 .2rem;font-size:.95rem}
table{border-collapse:collapse;width:100%}
td,th{text-align:left;vertical-align:top;padding:.25rem .6rem .25rem 0;border-top:1px solid var(--line)}
th{font-weight:600;border-top:0}
[hidden]{display:none!important}
:focus-visible{outline:2px solid var(--link);outline-offset:2px}
@media (max-width:48rem){.columns{display:block}nav{display:none}}
`
