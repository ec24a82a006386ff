const russian = {
  other: "EN", live: "На связи", lost: "Связь прервалась, восстанавливаю…", typing: "печатает…", members: "участников",
  join: "Войти", leave: "Выйти", upgrade: "Сделать супергруппой", inspector: "Что произошло", mode: "Telegram отвечает",
  normal: "как обычно", nothing: "молчанием", why: "Почему так", calls: "Вызовы Bot API", trace: "Трасса",
  json: "Последнее обновление", reply: "Ответить", edit: "Изменить", remove: "Удалить", like: "👍", speaker: "Кто говорит",
  topic: "Тема", attach: "Приложить", text: "Сообщение", send: "Отправить", back: "К списку чатов", close: "Закрыть",
  fromDisk: "Файл с диска…", photo: "Картинка", sticker: "Стикер", voice: "Голосовое", animation: "Гифка",
  video_note: "Кружок", document: "Файл", offers: "С чего начать", edited: "изменено", general: "Общая",
  command: "Команда", silent: "Промолчал: ни один ключ не подошёл.", key: "Сработал ключ", chance: "Ключ подошёл, но не выпал жребий.",
  pause: "Ключ подошёл, но бот держит паузу.", spontaneous: "Само вырвалось: так настроено в этом чате.", nobody: "Пока ничего не происходило.",
  waiting: "Бот ещё не ответил на обновление.", joined: "в чате:", left: "вышел из чата:", migrated: "Группа стала супергруппой", messages: "Переписка",
  unknown: "К боту обратились, но такой команды нет.", members_menu: "Участники и чат",
};
const english = {
  other: "RU", live: "Connected", lost: "Connection lost, reconnecting…", typing: "typing…", members: "members",
  join: "Join", leave: "Leave", upgrade: "Upgrade to a supergroup", inspector: "What happened", mode: "Telegram answers",
  normal: "as usual", nothing: "with silence", why: "Why", calls: "Bot API calls", trace: "Trace",
  json: "Last update", reply: "Reply", edit: "Edit", remove: "Delete", like: "👍", speaker: "Who speaks",
  topic: "Topic", attach: "Attach", text: "Message", send: "Send", back: "To the chats", close: "Close",
  fromDisk: "File from disk…", photo: "Photo", sticker: "Sticker", voice: "Voice", animation: "Animation",
  video_note: "Video note", document: "File", offers: "Where to begin", edited: "edited", general: "General",
  command: "Command", silent: "Silent: no key matched.", key: "A key matched:", chance: "A key matched, but the chance did not.",
  pause: "A key matched, but the bot keeps a pause.", spontaneous: "Spontaneous: this chat is set so.", nobody: "Nothing has happened yet.",
  waiting: "The bot has not answered the update yet.", joined: "in the chat:", left: "left the chat:", migrated: "The group is a supergroup now", messages: "Conversation",
  unknown: "The bot was addressed, but knows no such command.", members_menu: "Members and chat",
};
let words = localStorage.getItem("language") === "en" ? english : russian;

export const say = (name) => words[name] ?? name;
export function switchLanguage() {
  words = words === russian ? english : russian;
  localStorage.setItem("language", words === english ? "en" : "ru");
}
export const language = () => (words === english ? "en" : "ru");
