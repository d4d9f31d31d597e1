// What saves a reload or a doubt; every page works without it. Nothing here knows money: figures come from the server.
const root = document.documentElement;

// The reader's time zone, once, for the pages to come.
if ('askZone' in root.dataset) {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone) document.cookie = `usance_zone=${encodeURIComponent(zone)}; Path=/; Max-Age=31536000; SameSite=Lax`;
}

// A receipt is new once: its address is the one without the word.
if (location.search === '?new=1') history.replaceState(null, '', location.pathname);

// A link of the exchange: what signs in stands behind #, which no server and no proxy sees. It leaves the address bar at once.
const handOver = () => {
  const form = document.getElementById('link-form');
  if (!form || location.hash.length < 2) return;
  form.elements.link.value = location.hash.slice(1);
  history.replaceState(null, '', location.pathname + location.search);
  form.requestSubmit();
};
handOver();
addEventListener('hashchange', handOver);

// Offline, or no answer: two different things to be told.
const banners = { offline: document.getElementById('offline'), trouble: document.getElementById('trouble') };
const tell = word => Object.entries(banners).forEach(([name, banner]) => { if (banner) banner.hidden = name !== word; });
const state = () => tell(navigator.onLine ? '' : 'offline');

// A sheet is confirmed as it was shown: what is confirmed has to be what stands in the fields.
const sheets = () => [...document.querySelectorAll('form[data-asks]')];
const settle = ask => {
  const confirm = document.getElementById(ask.dataset.asks);
  const [asked, shown] = [new FormData(ask), new FormData(confirm)];
  const same = ['amount', 'source', 'to'].every(name => !asked.has(name) || asked.get(name).trim() === shown.get(name));
  const button = confirm.querySelector('.bar button');
  if (!('never' in button.dataset)) button.disabled = !same;
  const chosen = ask.querySelector('input[data-most]:checked');
  if (chosen) ask.querySelector('button[data-most]').disabled = chosen.dataset.most === '0';
  const field = ask.elements.amount;
  if (field) field.toggleAttribute('aria-invalid', !!confirm.querySelector('#summary .fault'));
};
const again = () => sheets().forEach(ask => ask.requestSubmit(ask.querySelector('.leads')));

addEventListener('offline', state);
addEventListener('online', () => { state(); again(); });
document.addEventListener('input', event => {
  const ask = event.target.closest('form[data-asks]');
  if (ask) settle(ask);
});
document.addEventListener('htmx:after:swap', () => { state(); sheets().forEach(settle); });
let retry;
const failed = () => {
  tell(navigator.onLine ? 'trouble' : 'offline');
  clearTimeout(retry);
  retry = setTimeout(again, 3000);
};
document.addEventListener('htmx:error', failed);
document.addEventListener('htmx:response:error', failed);
// A page that nobody looks at asks for nothing.
document.addEventListener('htmx:before:request', event => { if (document.hidden) event.preventDefault(); });
sheets().forEach(settle);

// "Max" writes what the server said is the most.
document.addEventListener('click', event => {
  const most = event.target.closest('button[data-most]');
  if (most) {
    const chosen = most.form.querySelector('input[data-most]:checked');
    const field = most.form.elements.amount;
    field.value = (chosen ?? most).dataset.most;
    field.dispatchEvent(new Event('input', { bubbles: true }));
    field.focus();
    event.preventDefault();
  }
  if (event.target.closest('[data-print]')) print();
});

// A second tap finds the button asleep. The server would book it once anyway.
document.addEventListener('submit', event => {
  const form = event.target;
  if ('once' in form.dataset) setTimeout(() => form.querySelectorAll('button').forEach(button => { button.disabled = true; }));
});
addEventListener('pageshow', event => {
  if (event.persisted) location.reload();
});
