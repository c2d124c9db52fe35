// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal;

import dev.faultline.api.vm.MachineException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The top of the command tree. Exit codes and error lines are decided here, once. */
@Command(
        name = "faultline",
        description = "A virtual machine platform that protects guest RAM page by page.",
        subcommands = {
            DemoCommand.class,
            RunCommand.class,
            RestoreCommand.class,
            SnapshotCommand.class,
            ShellCommand.class,
            HelpCommand.class
        })
final class Root implements Runnable {
    static final int DONE = 0;
    static final int ERROR = 1;
    static final int USAGE = 2;
    static final int CRASHED = 3;
    static final int TIMEOUT = 124;

    @Spec private CommandSpec spec;

    @Override
    public void run() {
        throw new ParameterException(
                spec.commandLine(),
                "a command is missing: demo, run, restore, snapshot, shell or test");
    }

    static int execute(Services services, String[] args) throws InterruptedException {
        CommandLine line = new CommandLine(new Root(), new Commands(services));
        offerHelp(line);
        line.setOut(new java.io.PrintWriter(services.out(), true));
        line.setErr(new java.io.PrintWriter(services.err(), true));
        line.setCaseInsensitiveEnumValuesAllowed(true);
        InterruptedException[] interrupted = new InterruptedException[1];
        line.setParameterExceptionHandler((e, a) -> {
            services.err().println("faultline: " + oneLine(e.getMessage()));
            services.err()
                    .println(
                            "usage: see `faultline help"
                                    + (e.getCommandLine().getCommandSpec().parent() == null
                                            ? ""
                                            : " " + e.getCommandLine().getCommandName())
                                    + "`");
            return USAGE;
        });
        line.setExecutionExceptionHandler((e, l, r) -> {
            if (e instanceof InterruptedException i) {
                interrupted[0] = i;
                return ERROR;
            }
            if (e instanceof UsageException) {
                services.err().println("faultline: " + oneLine(e.getMessage()));
                return USAGE;
            }
            if (e instanceof MachineException
                    || e instanceof IOException
                    || e instanceof UncheckedIOException) {
                services.err().println("faultline: " + describe(e));
                return ERROR;
            }
            throw e;
        });
        int code = line.execute(args);
        if (interrupted[0] != null) {
            throw interrupted[0];
        }
        return code;
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

    private static String describe(Exception e) {
        return switch (e) {
            case NoSuchFileException f -> f.getFile() + " does not exist";
            case AccessDeniedException f -> f.getFile() + " may not be read or written";
            case FileSystemException f ->
                    f.getFile() + ": " + (f.getReason() == null ? f.getMessage() : f.getReason());
            default -> oneLine(e.getMessage());
        };
    }

    static String oneLine(String s) {
        return s == null ? "no reason given" : s.strip().replaceAll("\\s*\\R\\s*", "; ");
    }
}
