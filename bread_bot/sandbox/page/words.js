/** The page's words, in Russian and in English. */

const russian = {
  otherLanguage: "EN", switchLanguage: "Switch to English",
  page: "Хлебушек: песочница", subtitle: "Песочница без токена", chats: "Чаты", messages: "Переписка",
  live: "На связи", lost: "Связь прервалась, восстанавливаю…", offline: "Сервер не отвечает",
  startOver: "Начать сначала", startOverTitle: "Начать сначала?",
  startOverText: "Все сообщения и всё, чему бот научился в песочнице, исчезнут.", cancel: "Отмена",
  members: {one: "участник", few: "участника", many: "участников", other: "участника"},
  unread: {one: "непрочитанное", few: "непрочитанных", many: "непрочитанных", other: "непрочитанных"},
  withoutBot: "бота нет в чате", bot: "бот", draft: "Черновик", empty: "Сообщений пока нет",
  typing: "печатает…", upload_photo: "отправляет картинку…", record_voice: "записывает голосовое…",
  upload_voice: "отправляет голосовое…", upload_document: "отправляет файл…", upload_video: "отправляет видео…",
  upload_video_note: "отправляет кружок…", record_video_note: "записывает кружок…", choose_sticker: "выбирает стикер…",
  today: "Сегодня", yesterday: "Вчера", toEnd: "К последним сообщениям",
  more: "Действия с сообщением", reply: "Ответить", edit: "Изменить", copy: "Копировать текст", remove: "Удалить",
  react: "Реакция", replyTo: "В ответ", editing: "Правка сообщения", edited: "изменено", deletedQuote: "сообщение удалено",
  failed: "Не отправлено", retry: "Повторить", discard: "Убрать",
  speaker: "Кто говорит", topic: "Темы", general: "Общая", attach: "Приложить", text: "Сообщение", send: "Отправить",
  nobodyHere: "В чате никого нет: верните кого-нибудь", back: "К списку чатов", close: "Закрыть",
  fromDisk: "Файл с диска…", photo: "Картинка", sticker: "Стикер", voice: "Голосовое", animation: "Гифка", video: "Видео",
  audio: "Аудио", video_note: "Кружок", document: "Файл", poll: "Опрос", dice: "Кубик",
  newPoll: "Новый опрос", question: "Вопрос", options: "Ответы, по одному в строке", many: "Можно выбрать несколько",
  samplePoll: "Какой хлеб лучше?", sampleOptions: "Ржаной\nПшеничный\nБородинский",
  play: "Слушать", pause: "Пауза", seek: "Место в записи", spoiler: "Показать скрытое",
  anonymous: "Анонимный опрос", open: "Открытый опрос", quiz: "Викторина", closed: "Опрос закончен",
  votes: {one: "голос", few: "голоса", many: "голосов", other: "голоса"}, retract: "Отозвать голос",
  membership: "Участники и чат", creator: "владелец", administrator: "администратор", member: "участник",
  left: "не в чате", kicked: "не в чате", join: "Вернуть", leave: "Вывести", promote: "Сделать администратором", demote: "Снять администратора",
  upgrade: "Сделать супергруппой", upgradeHint: "У группы сменится номер, сообщения останутся.",
  joins: "{} входит в чат", leaves: "{} выходит из чата", migrated: "Группа стала супергруппой", topicClosed: "Тема закрыта", topicReopened: "Тема снова открыта",
  closeTopic: "Закрыть тему «{}»", openTopic: "Открыть тему «{}»", topicHint: "В закрытой теме пишут только администраторы.",
  offers: "Попробуйте бота", offersText: "Настоящий сервер, игрушечный Телеграм. Начать можно одним нажатием:",
  offerHelp: "Что ты умеешь?", offerWho: "Спросить о людях", offerTeach: "Научить ответу", hideOffers: "Убрать подсказки",
  inspector: "Что произошло", mode: "Telegram отвечает", normal: "как обычно", nothing: "молчанием",
  refusal429: "429: слишком часто", refusal500: "500: сломался",
  updates: "Обновления", latest: "К последнему", why: "Почему так", calls: "Вызовы Bot API", noCalls: "Бот ничего не вызвал.",
  params: "Параметры", result: "Ответ", trace: "Трасса", noTrace: "Трассы нет: она живёт до перезапуска сервера.",
  json: "Обновление как есть", copyJson: "Копировать", copied: "Скопировано", ms: "мс",
  kind_message: "Сообщение", kind_edited_message: "Правка", kind_callback_query: "Кнопка", kind_my_chat_member: "Бот в чате",
  kind_chat_member: "Участник", kind_poll_answer: "Голос", kind_poll: "Опрос", kind_message_reaction: "Реакция",
  command: "Команда «{}»", key: "Сработал ключ «{}»", silent: "Промолчал: ни один ключ не подошёл.",
  chance: "Ключ подошёл, но не выпал жребий.", keepsPause: "Ключ подошёл, но бот держит паузу.",
  spontaneous: "Само вырвалось: так настроено в этом чате.", nobody: "Пока ничего не происходило: напишите что-нибудь.",
  waiting: "Бот ещё не ответил на обновление.", unknown: "К боту обратились, но такой команды нет.",
};

const english = {
  otherLanguage: "RU", switchLanguage: "Переключить на русский",
  page: "Bread Bot: sandbox", subtitle: "A sandbox, no token needed", chats: "Chats", messages: "Conversation",
  live: "Connected", lost: "Connection lost, reconnecting…", offline: "The server does not answer",
  startOver: "Start over", startOverTitle: "Start over?",
  startOverText: "All messages, and all that the bot has learned in the sandbox, will be gone.", cancel: "Cancel",
  members: {one: "member", other: "members"}, unread: {one: "unread", other: "unread"},
  withoutBot: "the bot is not here", bot: "bot", draft: "Draft", empty: "No messages yet",
  typing: "typing…", upload_photo: "sending a photo…", record_voice: "recording…", upload_voice: "sending a voice…",
  upload_document: "sending a file…", upload_video: "sending a video…", upload_video_note: "sending a video note…",
  record_video_note: "recording a video note…", choose_sticker: "choosing a sticker…",
  today: "Today", yesterday: "Yesterday", toEnd: "To the latest messages",
  more: "Message actions", reply: "Reply", edit: "Edit", copy: "Copy text", remove: "Delete",
  react: "Reaction", replyTo: "In reply to", editing: "Editing", edited: "edited", deletedQuote: "deleted message",
  failed: "Not sent", retry: "Try again", discard: "Discard",
  speaker: "Who speaks", topic: "Topics", general: "General", attach: "Attach", text: "Message", send: "Send",
  nobodyHere: "Nobody is in the chat: bring somebody back", back: "To the chats", close: "Close",
  fromDisk: "File from disk…", photo: "Photo", sticker: "Sticker", voice: "Voice", animation: "Animation", video: "Video",
  audio: "Audio", video_note: "Video note", document: "File", poll: "Poll", dice: "Dice",
  newPoll: "New poll", question: "Question", options: "Answers, one a line", many: "Several may be chosen",
  samplePoll: "Which bread is best?", sampleOptions: "Rye\nWheat\nBorodinsky",
  play: "Play", pause: "Pause", seek: "Position", spoiler: "Show what is hidden",
  anonymous: "Anonymous poll", open: "Public poll", quiz: "Quiz", closed: "The poll is closed",
  votes: {one: "vote", other: "votes"}, retract: "Retract vote",
  membership: "Members and chat", creator: "owner", administrator: "administrator", member: "member",
  left: "not in the chat", kicked: "not in the chat", join: "Bring back", leave: "Take out", promote: "Make administrator", demote: "Demote",
  upgrade: "Upgrade to a supergroup", upgradeHint: "The group gets another number, the messages stay.",
  joins: "{} joins the chat", leaves: "{} leaves the chat", migrated: "The group is a supergroup now", topicClosed: "The topic is closed", topicReopened: "The topic is open again",
  closeTopic: "Close the topic «{}»", openTopic: "Reopen the topic «{}»", topicHint: "Only administrators write in a closed topic.",
  offers: "Try the bot", offersText: "A real server, a toy Telegram. Begin with one click:",
  offerHelp: "What can you do?", offerWho: "Ask about people", offerTeach: "Teach an answer", hideOffers: "Hide these hints",
  inspector: "What happened", mode: "Telegram answers", normal: "as usual", nothing: "with silence",
  refusal429: "429: too often", refusal500: "500: broken",
  updates: "Updates", latest: "To the latest", why: "Why", calls: "Bot API calls", noCalls: "The bot called nothing.",
  params: "Parameters", result: "Answer", trace: "Trace", noTrace: "No trace: it lives until the server restarts.",
  json: "The update as it is", copyJson: "Copy", copied: "Copied", ms: "ms",
  kind_message: "Message", kind_edited_message: "Edit", kind_callback_query: "Button", kind_my_chat_member: "Bot in chat",
  kind_chat_member: "Member", kind_poll_answer: "Vote", kind_poll: "Poll", kind_message_reaction: "Reaction",
  command: "Command «{}»", key: "The key «{}» matched", silent: "Silent: no key matched.",
  chance: "A key matched, but the chance did not.", keepsPause: "A key matched, but the bot keeps a pause.",
  spontaneous: "Spontaneous: this chat is set so.", nobody: "Nothing has happened yet: write something.",
  waiting: "The bot has not answered the update yet.", unknown: "The bot was addressed, but knows no such command.",
};

let words = localStorage.getItem("language") === "en" ? english : russian;

export const language = () => (words === english ? "en" : "ru");

/** A word of the page; `{}` in it stands for the value. */
export const say = (name, value) => (words[name] ?? name).replace("{}", value);

/** A number with its word in the right form. */
export function count(number, name) {
  const form = new Intl.PluralRules(language()).select(number);
  return `${number} ${words[name][form] ?? words[name].other}`;
}

export function switchLanguage() {
  words = words === russian ? english : russian;
  localStorage.setItem("language", language());
}

export const clock = (seconds) =>
  new Date(seconds * 1000).toLocaleTimeString(language(), {hour: "2-digit", minute: "2-digit"});

/** The day of a message, as a separator tells it. */
export function day(seconds) {
  const date = new Date(seconds * 1000);
  const today = new Date();
  const days = Math.round((today.setHours(0, 0, 0, 0) - new Date(date).setHours(0, 0, 0, 0)) / 86_400_000);
  if (days === 0) return say("today");
  if (days === 1) return say("yesterday");
  return date.toLocaleDateString(language(), {day: "numeric", month: "long"});
}
