// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal;

import dev.faultline.shell.internal.boot.BootCacheCommand;
import dev.faultline.shell.internal.boot.RunCommand;
import dev.faultline.shell.internal.cli.Services;
import dev.faultline.shell.internal.demo.DemoCommand;
import dev.faultline.shell.internal.restore.RestoreCommand;
import dev.faultline.shell.internal.snapshot.SnapshotCommand;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * The top of the command tree. Exit codes, error lines and the file of {@code --json} are decided
 * here, once. Codes of ours are even: a guest that ends itself has every odd one, (v &lt;&lt; 1) |
 * 1.
 */
@Command(
        name = "faultline",
        description = "A virtual machine platform that protects guest RAM page by page.",
        subcommands = {
            DemoCommand.class,
            RunCommand.class,
            RestoreCommand.class,
            SnapshotCommand.class,
            BootCacheCommand.class,
            ShellCommand.class,
            HelpCommand.class
        })
final class Root implements Runnable {
    @Spec private CommandSpec spec;

    @Override
    public void run() {
        throw new ParameterException(
                spec.commandLine(),
                "a command is missing: demo, run, restore, snapshot, boot-cache, shell or test");
    }

    static int execute(Services services, String[] args) throws InterruptedException {
        return new Invocation(services, line(services)).run(args);
    }

    private static CommandLine line(Services services) {
        CommandLine line = new CommandLine(new Root(), new Commands(services));
        offerHelp(line);
        line.setOut(new PrintWriter(services.out(), true, StandardCharsets.UTF_8));
        line.setErr(new PrintWriter(services.err(), true, StandardCharsets.UTF_8));
        line.setCaseInsensitiveEnumValuesAllowed(true);
        return line;
    }

    /** Gives every command {@code --help}, but "help", which has it. */
    private static void offerHelp(CommandLine line) {
        if (line.getCommand() instanceof HelpCommand) {
            return;
        }
        line.getCommandSpec()
                .addOption(
                        OptionSpec.builder("-h", "--help")
                                .usageHelp(true)
                                .description("Shows this help and ends.")
                                .build());
        line.getSubcommands().values().forEach(Root::offerHelp);
    }
}
