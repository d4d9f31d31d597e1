// What saves a reload or a doubt; every page works without it. Nothing here knows money: figures come from the server.
const root = document.documentElement;

// The reader's time zone, once, for the pages to come.
if ('askZone' in root.dataset) {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone) document.cookie = `usance_zone=${encodeURIComponent(zone)}; Path=/; Max-Age=31536000; SameSite=Lax`;
}

// Offline, or a part of the page that could not be brought up to date.
const banner = document.getElementById('offline');
const tell = away => { if (banner) banner.hidden = !away; };
addEventListener('offline', () => tell(true));
addEventListener('online', () => tell(false));
if (navigator.onLine === false) tell(true);

// A sheet is confirmed as it was shown: while an answer to what was typed is awaited, there is nothing to confirm.
const confirmed = form => document.getElementById(form.dataset.asks)?.querySelector('.bar button');
document.addEventListener('input', event => {
  const form = event.target.closest('form[data-asks]');
  if (form) confirmed(form).disabled = true;
});
document.addEventListener('htmx:after:swap', () => {
  tell(false);
  document.querySelectorAll('form[data-asks]').forEach(form => { confirmed(form).disabled = false; });
});
document.addEventListener('htmx:error', () => tell(true));

// "Max" writes what the server said is the most.
document.addEventListener('click', event => {
  const most = event.target.closest('button[data-most]');
  if (most) {
    const form = most.form;
    const chosen = form.querySelector('input[data-most]:checked');
    const field = form.elements.amount;
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
  if (event.persisted) document.querySelectorAll('form[data-once] button').forEach(button => { button.disabled = false; });
});
