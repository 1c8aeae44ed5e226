using System.Text;
using System.Text.Json.Nodes;

namespace DeepSeekEngine.ChatServer.Tests;

/// <summary>What is refused, and that the refusal says what is wrong where.</summary>
public sealed class ErrorTests
{
    private static IEnumerable<TestCaseData> WrongChats()
    {
        yield return Case("model", "null", "model");
        yield return Case("messages", "null", "messages");
        yield return Case("messages", "[]", "messages");
        yield return Case("messages", "[null]", "messages[0]");
        yield return Case("messages", "\"x\"", "messages");
        yield return Case("messages", """[{"role":"pope","content":"x"}]""", "messages[0].role");
        yield return Case("messages", """[{"role":"user"}]""", "messages[0].content");
        yield return Case("messages", """[{"role":"user","content":7}]""", "messages[0].content");
        yield return Case("messages", """[{"role":"user","content":[{"type":"text"}]}]""", "messages[0].content[0]");
        yield return Case("messages", """[{"role":"user","content":["x"]}]""", "messages[0].content[0]");
        yield return Case("messages", """[{"role":"user","content":[{"type":"input_audio"}]}]""", "messages[0].content[0]");
        yield return Case("messages", """[{"role":"user","content":"x","prefix":true}]""", "messages[0].prefix");
        yield return Case("messages", """[{"role":"user","content":"x","tool_calls":[{"id":"1","function":{"name":"f","arguments":""}}]}]""", "messages[0].tool_calls");
        yield return Case("messages", """[{"role":"user","content":"x","tool_call_id":"1"}]""", "messages[0].tool_call_id");
        yield return Case("messages", """[{"role":"assistant","tool_calls":[{"id":"1"}]}]""", "messages[0].tool_calls[0]");
        yield return Case("messages", """[{"role":"assistant","tool_calls":[null]}]""", "messages[0].tool_calls[0]");
        yield return Case("messages", """[{"role":"user","content":"\ud83d"}]""", "messages[0].content");
        yield return Case("messages", """[{"role":"\udc00","content":"x"}]""", "messages[0].role");
        yield return Case("max_tokens", "0", "max_tokens");
        yield return Case("max_tokens", "1e999", "max_tokens");
        yield return Case("max_tokens", "99999999999", "max_tokens");
        yield return Case("max_completion_tokens", "-1", "max_tokens");
        yield return Case("temperature", "-0.1", "temperature");
        yield return Case("temperature", "1e999", "temperature");
        yield return Case("temperature", "\"warm\"", "temperature");
        yield return Case("temperature", "NaN", null);
        yield return Case("top_p", "1.5", "top_p");
        yield return Case("top_k", "-1", "top_k");
        yield return Case("min_p", "2", "min_p");
        yield return Case("repetition_penalty", "0", "repetition_penalty");
        yield return Case("presence_penalty", "3", "presence_penalty");
        yield return Case("frequency_penalty", "-3", "frequency_penalty");
        yield return Case("seed", "1.5", "seed");
        yield return Case("n", "0", "n");
        yield return Case("n", "9", "n");
        yield return Case("n", "2147483647", "n");
        yield return Case("stop", "[\"\"]", "stop");
        yield return Case("stop", $"\"{new string('x', 257)}\"", "stop");
        yield return Case("stop", "7", "stop");
        yield return Case("stop", "[\"a\",null]", "stop[1]");
        yield return Case("stop", $"[{string.Join(',', Enumerable.Repeat("\"x\"", 17))}]", "stop");
        yield return Case("top_logprobs", "2", "top_logprobs");
        yield return Case("logit_bias", """{"5":-100}""", "logit_bias");
        yield return Case("functions", """[{"name":"f"}]""", "functions");
        yield return Case("modalities", """["audio"]""", "modalities");
        yield return Case("stream_options", """{"include_everything":true}""", "stream_options.include_everything");
        yield return Case("stream_options", "7", "stream_options");
        yield return Case("reasoning_effort", "\"heroic\"", "reasoning_effort");
        yield return Case("max_thinking_tokens", "-1", "max_thinking_tokens");
        yield return Case("response_format", """{"type":"xml"}""", "response_format.type");
        yield return Case("response_format", """{"type":"json_schema"}""", "response_format.json_schema.schema");
        yield return Case("tools", """[{"type":"retrieval"}]""", "tools[0]");
        yield return Case("response_format", """{"type":"json_schema","json_schema":{"schema":{"type":"circle"}}}""", "response_format");
        yield return Case("response_format", """{"type":"json_schema","json_schema":{"schema":{"unevaluatedItems":false}}}""", "response_format");
        yield return Case("response_format", """{"type":"json_schema","json_schema":{"schema":7}}""", "response_format");
        yield return Case("tools", "[null]", "tools[0]");
        yield return Case("tools", """[{"type":"function","function":{"name":"no spaces"}}]""", "tools[0]");
        yield return Case("tools", """[{"type":"function","function":{"name":"f","parameters":[]}}]""", "tools[0]");
        yield return Case("tools", """[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"f"}}]""", "tools");
        yield return Case("tool_choice", "\"required\"", "tool_choice");
        yield return Case("tool_choice", "\"perhaps\"", "tool_choice");
        yield return Case("tool_choice", """{"type":"function","function":{"name":"f"}}""", "tool_choice");
        yield return Case("tool_choice", """{"type":"function"}""", "tool_choice");
        yield return Case("tool_choice", """{"function":7}""", "tool_choice.function");

        static TestCaseData Case(string field, string value, string? param) => new(field, value, param);
    }

    [TestCaseSource(nameof(WrongChats))]
    public async Task A_wrong_field_of_a_chat_is_named(string field, string value, string? param)
    {
        var body = Shared.Ask((field, 0)).ToJsonString().Replace($"\"{field}\":0", $"\"{field}\":{value}", StringComparison.Ordinal);
        using var response = await Shared.Server.PostAsync(Shared.Chat, body);
        Assert.That((string?)(await Errors.CheckAsync(response, 400))["param"], Is.EqualTo(param));
    }

    [TestCase("prompt", "null", "prompt")]
    [TestCase("prompt", "\"\"", "prompt")]
    [TestCase("prompt", "[]", "prompt")]
    [TestCase("prompt", "[[]]", "prompt[0]")]
    [TestCase("prompt", "[\"a\",7]", "prompt[1]")]
    [TestCase("prompt", "[7,\"a\"]", "prompt[1]")]
    [TestCase("prompt", "[0.5]", "prompt[0]")]
    [TestCase("prompt", "[999999]", "prompt")]
    [TestCase("prompt", "[-1]", "prompt")]
    [TestCase("prompt", "[\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\"]", "prompt")]
    [TestCase("logprobs", "21", "logprobs")]
    [TestCase("best_of", "2", "best_of")]
    [TestCase("echo", "true", "echo")]
    [TestCase("suffix", "\"x\"", "suffix")]
    public async Task A_wrong_field_of_a_completion_is_named(string field, string value, string param)
    {
        var body = Shared.Continue("x", (field, 0)).ToJsonString().Replace($"\"{field}\":0", $"\"{field}\":{value}", StringComparison.Ordinal);
        using var response = await Shared.Server.PostAsync(Shared.Completions, body);
        Assert.That((string?)(await Errors.CheckAsync(response, 400))["param"], Is.EqualTo(param));
    }

    [TestCase("")]
    [TestCase("null")]
    [TestCase("[]")]
    [TestCase("7")]
    [TestCase("{\"model\":\"tiny-r1\"")]
    [TestCase("{\"model\":\"tiny-r1\"}x")]
    [TestCase("{\"model\":\"\\ud800\"}")]
    [TestCase("{\"model\":1,\"model\":2}")]
    public async Task What_is_not_a_JSON_object_is_refused(string body)
    {
        using var response = await Shared.Server.PostAsync(Shared.Chat, body);
        await Errors.CheckAsync(response, 400);
    }

    [TestCase("messages")]
    [TestCase("response_format")]
    [TestCase("tools")]
    [TestCase("stop")]
    [TestCase("unheard_of")]
    public async Task Deep_nesting_is_refused(string field)
    {
        const int depth = 500_000;
        foreach (var (open, close) in new[] { ("[", "]"), ("{\"a\":", "}") })
        {
            var deep = new StringBuilder().Insert(0, open, depth).Append('1').Insert(0, $"{{\"model\":\"tiny-r1\",\"{field}\":");
            deep.Insert(deep.Length, close, depth).Append('}');
            using var response = await Shared.Server.PostAsync(Shared.Chat, deep.ToString());
            await Errors.CheckAsync(response, 400);
        }
    }

    [Test]
    public async Task Bytes_that_are_no_text_are_refused()
    {
        using var content = new ByteArrayContent([.. "{\"model\":\""u8, 0xff, 0xfe, 0xc0, .. "\"}"u8]);
        content.Headers.ContentType = new("application/json");
        using var response = await Shared.Server.Http.PostAsync(Shared.Chat, content);
        await Errors.CheckAsync(response, 400);
    }

    [Test]
    public async Task What_a_page_of_another_site_may_send_is_refused()
    {
        using var response = await Shared.Server.PostAsync(Shared.Chat, Shared.Ask().ToJsonString(), "text/plain");
        await Errors.CheckAsync(response, 415);
    }

    [Test]
    public async Task A_name_that_leads_here_is_not_enough()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "v1/models");
        request.Headers.Host = "attacker.example";
        using var response = await Shared.Server.Http.SendAsync(request);
        Assert.That((int)response.StatusCode, Is.EqualTo(400));
        Assert.That(await response.Content.ReadAsStringAsync(), Does.Not.Contain("tiny-r1"));
    }

    [TestCase("GET", "v1/nothing", 404)]
    [TestCase("GET", "v1/models/nothing", 404)]
    [TestCase("GET", "v1/chat/completions", 405)]
    [TestCase("DELETE", "v1/models", 405)]
    [TestCase("GET", "../appsettings.json", 404)]
    [TestCase("GET", "appsettings.json", 404)]
    public async Task An_address_that_is_not_there_is_an_error_like_others(string method, string path, int status)
    {
        using var response = await Shared.Server.Http.SendAsync(new HttpRequestMessage(new HttpMethod(method), path));
        await Errors.CheckAsync(response, status);
    }

    [Test]
    public async Task A_prompt_that_does_not_fit_the_context_is_refused()
    {
        var text = string.Concat(Enumerable.Repeat("1 + ", 2000));
        foreach (var (path, body, param) in new[]
        {
            (Shared.Completions, Shared.Continue(text), "prompt"),
            (Shared.Chat, Shared.Ask(("messages", new JsonArray(new JsonObject { ["role"] = "user", ["content"] = text })), ("n", 2)), "messages"),
            (Shared.Chat, Shared.Ask(("messages", new JsonArray(new JsonObject { ["role"] = "user", ["content"] = text })), ("stream", true)), "messages"),
        })
        {
            using var response = await Shared.Server.PostAsync(path, body.ToJsonString());
            var error = await Errors.CheckAsync(response, 400);
            Assert.That((string?)error["code"], Is.EqualTo("context_length_exceeded"));
            Assert.That((string?)error["param"], Is.EqualTo(param));
        }
    }
}
