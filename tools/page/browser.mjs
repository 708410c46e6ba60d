// browser.mjs: drives a headless Chromium over a pipe, with Node alone, for the tests and the screenshots of the page.
//   const browser = await launch(); const tab = await browser.open('file:///...', {width, height, dark}); await tab.evaluate('1 + 1'); await browser.close();
import {spawn} from 'node:child_process';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
  '--hide-scrollbars', '--remote-debugging-pipe'];

export async function launch(program = process.env.CHROMIUM || 'chromium') {
  const profile = mkdtempSync(join(tmpdir(), 'hakmem-chromium.'));
  const child = spawn(program, [...FLAGS, '--user-data-dir=' + profile, 'about:blank'], {stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'], env: {...process.env, LD_PRELOAD: ''}});
  const [, , , input, output] = child.stdio;
  const waiting = new Map(), listeners = new Set();
  let id = 0, rest = '';
  const ended = new Promise((resolve) => child.on('exit', resolve));
  child.on('exit', () => { for (const {reject} of waiting.values()) reject(new Error(program + ' ended')); });
  child.on('error', (error) => { for (const {reject} of waiting.values()) reject(error); });
  input.on('error', () => {});
  output.setEncoding('utf8');
  output.on('data', (text) => {
    const messages = (rest + text).split('\0');
    rest = messages.pop();
    for (const message of messages.map((m) => JSON.parse(m))) {
      if (message.id === undefined) { for (const listener of listeners) listener(message); continue; }
      const {resolve, reject} = waiting.get(message.id);
      waiting.delete(message.id);
      if (message.error) reject(new Error(message.error.message)); else resolve(message.result);
    }
  });
  const send = (method, params = {}, sessionId = undefined) => new Promise((resolve, reject) => {
    waiting.set(++id, {resolve, reject});
    input.write(JSON.stringify({id, method, params, sessionId}) + '\0');
  });

  async function open(url, {width = 1280, height = 900, dark = false, scale = 1} = {}) {
    const {targetId} = await send('Target.createTarget', {url: 'about:blank'});
    const {sessionId} = await send('Target.attachToTarget', {targetId, flatten: true});
    const call = (method, params) => send(method, params, sessionId);
    const tab = {messages: [], requests: [], call};
    let loaded;
    listeners.add((message) => {
      if (message.sessionId !== sessionId) return;
      const {method, params} = message;
      if (method === 'Runtime.consoleAPICalled') tab.messages.push(params.type + ': ' + params.args.map((a) => a.value ?? a.description).join(' '));
      if (method === 'Runtime.exceptionThrown') tab.messages.push('exception: ' + (params.exceptionDetails.exception?.description ?? params.exceptionDetails.text));
      if (method === 'Log.entryAdded') tab.messages.push(params.entry.level + ': ' + params.entry.text);
      if (method === 'Network.requestWillBeSent') tab.requests.push(params.request.url);
      if (method === 'Page.loadEventFired' && loaded) loaded();
    });
    for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await call(domain + '.enable');
    tab.resize = (w, h) => call('Emulation.setDeviceMetricsOverride', {width: w, height: h, deviceScaleFactor: scale, mobile: false});
    tab.scheme = (isDark) => call('Emulation.setEmulatedMedia', {features: [{name: 'prefers-color-scheme', value: isDark ? 'dark' : 'light'}, {name: 'prefers-reduced-motion', value: 'reduce'}]});
    await tab.resize(width, height);
    await tab.scheme(dark);
    const load = new Promise((resolve) => { loaded = resolve; });
    await call('Page.navigate', {url});
    await load;
    tab.evaluate = async (expression) => {
      const {result, exceptionDetails} = await call('Runtime.evaluate', {expression, returnByValue: true, awaitPromise: true});
      if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
      return result.value;
    };
    tab.screenshot = async (clip = undefined) => Buffer.from((await call('Page.captureScreenshot', {format: 'png', clip, captureBeyondViewport: Boolean(clip)})).data, 'base64');
    tab.mouse = (type, x, y, buttons = 0) => call('Input.dispatchMouseEvent', {type, x, y, button: type === 'mouseMoved' && !buttons ? 'none' : 'left', buttons, clickCount: 1});
    tab.press = async (key, text = undefined) => {
      const code = {Enter: 13, Escape: 27, ArrowLeft: 37, ArrowUp: 38, ArrowRight: 39, ArrowDown: 40, Tab: 9}[key];
      const event = {key, text: text ?? (key.length === 1 ? key : key === 'Enter' ? '\r' : undefined), windowsVirtualKeyCode: code};
      await call('Input.dispatchKeyEvent', {type: 'keyDown', ...event});
      await call('Input.dispatchKeyEvent', {type: 'keyUp', ...event});
    };
    return tab;
  }

  async function close() {
    send('Browser.close').catch(() => {});
    const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
    await ended;
    clearTimeout(timer);
    rmSync(profile, {recursive: true, force: true, maxRetries: 5});
  }
  return {open, close};
}
