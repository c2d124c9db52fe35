// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.faultline.testkit.HangGuard;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code faultline shell} as a person uses it: through a pipe, and on a terminal. */
class ShellIT {
    private static final String PROMPT = "faultline> ";
    private static final List<String> COMMANDS =
            List.of(
                    "list",
                    "show",
                    "start",
                    "pause",
                    "resume",
                    "run",
                    "close",
                    "serial",
                    "send",
                    "protect",
                    "rights",
                    "faults",
                    "slots",
                    "swap",
                    "snapshot");

    @TempDir Path scratch;

    private Process process;
    private final StringBuilder output = new StringBuilder();
    private Thread reader;

    @AfterEach
    void stop() throws InterruptedException {
        if (process != null) {
            process.destroyForcibly();
            reader.join();
        }
    }

    // ---- talking

    private void open(String... command) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().put("FAULTLINE_JAVA_HOME", System.getProperty("java.home"));
        builder.environment().put("FAULTLINE_AOT", "off");
        builder.environment().put("TERM", "xterm");
        builder.environment().put("HOME", scratch.toString());
        process = builder.start();
        reader = Thread.ofPlatform().start(this::read);
    }

    private void read() {
        try (InputStream in = process.getInputStream()) {
            byte[] b = new byte[8192];
            for (int n = in.read(b); n >= 0; n = in.read(b)) {
                synchronized (output) {
                    output.append(new String(b, 0, n, StandardCharsets.UTF_8));
                    output.notifyAll();
                }
            }
        } catch (IOException e) {
            synchronized (output) {
                output.append(e); // a terminal that ends; what is expected is not there then
            }
        }
    }

    private void type(String text) throws IOException {
        process.getOutputStream().write(text.getBytes(StandardCharsets.UTF_8));
        process.getOutputStream().flush();
    }

    /** Everything up to and including {@code text}, which is taken off. */
    private String await(String text) throws InterruptedException {
        synchronized (output) {
            try {
                HangGuard.until(output, text + " is said", () -> output.indexOf(text) >= 0);
            } catch (AssertionError e) {
                throw new AssertionError("no '%s' but: %s".formatted(text, output), e);
            }
            int end = output.indexOf(text) + text.length();
            String s = output.substring(0, end);
            output.delete(0, end);
            return s;
        }
    }

    /** What a command prints; the shell may begin a new line for it. */
    private String answer(String command) throws Exception {
        type(command + "\n");
        String s = await(PROMPT);
        return s.substring(0, s.length() - PROMPT.length()).stripLeading();
    }

    private void ends() throws InterruptedException {
        int code = HangGuard.join(process);
        reader.join();
        assertThat(code).as(output.toString()).isZero();
    }

    private void pipe() throws Exception {
        open(Distribution.HOME.resolve("bin/faultline").toString(), "shell");
        await(PROMPT);
    }

    private void guest(String name) throws Exception {
        assertThat(answer("vm:run --name " + name + " --memory 64M -a keys=200 " + Program.keyed()))
                .isEqualTo(name + " runs\n");
        sent(name, "checksum=");
    }

    /** Asks until the guest has sent {@code text}. */
    private void sent(String name, String text) throws Exception {
        String[] all = {""};
        HangGuard.until(
                "guest " + name + " sends " + text,
                () -> {
                    try {
                        all[0] = answer("vm:serial " + name);
                    } catch (Exception e) {
                        throw new AssertionError("after: " + all[0], e);
                    }
                    return all[0].contains(text);
                });
    }

    // ---- through a pipe

    @Test
    void everyCommandHasHelp() throws Exception {
        pipe();
        for (String c : COMMANDS) {
            String help = answer("help vm:" + c);
            assertThat(help).startsWith(c + " - ").contains("scope: vm");
            assertThat(help.lines().findFirst().orElseThrow()).hasSizeGreaterThan(c.length() + 10);
        }
        String all = answer("help");
        COMMANDS.forEach(c -> assertThat(all).contains("vm:" + c));
        type("exit\n");
        ends();
    }

    @Test
    void aMachinesLife() throws Exception {
        pipe();
        assertThat(answer("vm:list")).contains("no machines", "vm:run");
        guest("k");
        assertThat(answer("vm:list")).contains("NAME", "k", "64 MiB", "interpreter", "running");
        assertThat(answer("vm:show k")).contains("state", "running", "READY keys=200");
        assertThat(answer("vm:send k sum 0 99")).isEmpty();
        sent("k", "count=100 bad=0");
        assertThat(answer("vm:pause k")).contains("k");
        assertThat(answer("vm:list")).contains("paused");
        assertThat(answer("vm:code k")).contains("ADDRESS", "INSTRUCTION").hasLineCount(11);
        assertThat(answer("vm:code --at 0x7fffffff0000 --count 3 k")).contains("unreadable");
        assertThat(answer("vm:resume k")).contains("running");
        assertThat(answer("vm:swap")).contains("coded, thrown");
        assertThat(answer("vm:swap k style thrown")).contains("fault style thrown", "1 swaps");
        assertThat(answer("vm:slots k")).contains("RAM", "0x000000000");
        assertThat(answer("vm:protect k 0x100000 64K r-x")).contains("restricts 16 pages");
        assertThat(answer("vm:rights k")).contains("user", "R-X", "0x00010ffff");
        assertThat(answer("vm:rights k 0x100000 4K")).contains("R-X");
        assertThat(answer("vm:protect k 0 64M rwx")).contains("restricts 0 pages");
        assertThat(answer("vm:start k")).contains("running");
        assertThat(answer("vm:faults k")).contains("page walk", "resolved by handlers");
        assertThat(answer("vm:close k")).contains("k");
        assertThat(answer("vm:list")).contains("no machines");
        type("quit\n");
        ends();
    }

    @Test
    void snapshots() throws Exception {
        Path at = scratch.resolve("snapshot");
        pipe();
        guest("k");
        assertThat(answer("vm:snapshot save k " + at)).contains("saved k to", "16,384 pages");
        assertThat(Files.isDirectory(at)).isTrue();
        assertThat(answer("vm:snapshot show " + at)).contains("64 MiB");
        assertThat(answer("vm:snapshot verify " + at)).contains("pages are good");
        assertThat(answer("vm:snapshot list " + scratch)).contains("snapshot");
        assertThat(answer("vm:snapshot --name r restore " + at)).contains("r");
        assertThat(answer("vm:list")).contains("k ", "r ");
        answer("vm:close r");
        answer("vm:close k");
        answer("vm:snapshot delete " + at);
        assertThat(at).doesNotExist();
        type("exit\n");
        ends();
    }

    @Test
    void badArgumentsGiveOneLine() throws Exception {
        pipe();
        guest("k");
        for (String bad :
                List.of(
                        "vm:nosuch",
                        "vm:list k",
                        "vm:show",
                        "vm:show nosuch",
                        "vm:start nosuch",
                        "vm:run /nosuch",
                        "vm:run --memory 1Q " + Program.keyed(),
                        "vm:run --name k " + Program.keyed(),
                        "vm:run --engine nosuch " + Program.keyed(),
                        "vm:protect k x y z",
                        "vm:protect k 0 4K rwxq",
                        "vm:protect k 0x7fffffff000 4K r",
                        "vm:rights k x 4K",
                        "vm:code nosuch",
                        "vm:code --vcpu 1 k",
                        "vm:code --count 0 k",
                        "vm:code --at here k",
                        "vm:swap k engine nosuch",
                        "vm:swap k wheels four",
                        "vm:snapshot frob",
                        "vm:snapshot list /nosuch",
                        "vm:snapshot restore " + scratch)) {
            assertThat(answer(bad).strip()).as(bad).isNotEmpty().hasLineCount(1);
        }
        assertThat(answer("vm:list")).as("nothing has changed").contains("k ", "running");
        type("exit\n");
        ends();
    }

    @Test
    void theEndOfInputLeaves() throws Exception {
        pipe();
        process.getOutputStream().close();
        ends();
    }

    // ---- on a terminal

    private void terminal() throws Exception {
        terminal("");
    }

    private void terminal(String before) throws Exception {
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/script")), "script makes the terminal");
        String shell = Distribution.HOME.resolve("bin/faultline") + " shell";
        open(
                "/usr/bin/script",
                "-qec",
                "stty cols 120 rows 40; " + before + shell,
                scratch.resolve("typescript").toString());
        await(PROMPT);
    }

    /** Without the colours and movements of a terminal. */
    private static String plain(String s) {
        return s.replaceAll("\u001B\\[[0-9;?]*[A-Za-z]|\u001B[=>]|\r", "");
    }

    @ParameterizedTest
    @ValueSource(strings = {"exit\r", "\u0004"})
    void aTerminalCompletesAndLeaves(String leave) throws Exception {
        terminal();
        type("vm:sla"); // nothing begins like this
        type("\u0015"); // the line is erased
        type("vm:slo\t");
        assertThat(plain(await("ts"))).endsWith("vm:slots");
        type("\u0015");
        type("vm:run --paused --name machine " + Program.keyed() + "\r");
        await("machine is ready");
        await(PROMPT);
        type("vm:pause ma\t");
        await("chine");
        type("\r");
        await(PROMPT);
        type("vm:show nosuch\r");
        assertThat(plain(await("there is machine"))).contains("vm: unknown machine nosuch");
        await(PROMPT);
        type(leave);
        ends();
    }

    /** Nor does it live on if no SIGHUP tells it so. */
    @Test
    void aTerminalThatIsGoneEndsTheProcess() throws Exception {
        terminal("trap '' HUP; exec ");
        List<ProcessHandle> all = process.descendants().toList();
        process.destroyForcibly(); // with it the terminal goes
        try {
            HangGuard.until(
                    "the shell's processes end",
                    () -> all.stream().noneMatch(ProcessHandle::isAlive));
        } finally {
            all.forEach(ProcessHandle::destroyForcibly);
        }
        assertThat(all).isNotEmpty();
    }
}
