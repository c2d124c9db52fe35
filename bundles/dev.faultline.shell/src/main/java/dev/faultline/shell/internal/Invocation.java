// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal;

import dev.faultline.api.vm.MachineException;
import dev.faultline.shell.internal.cli.ExitCode;
import dev.faultline.shell.internal.cli.OneLine;
import dev.faultline.shell.internal.cli.Report;
import dev.faultline.shell.internal.cli.Services;
import dev.faultline.shell.internal.cli.UsageException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;

/**
 * One call of the command line: runs the command, turns what it throws into one line and an exit
 * code, and writes {@code --json} whatever the end was.
 */
final class Invocation {
    private final Services services;
    private final CommandLine line;
    private @Nullable InterruptedException interrupted;
    private boolean unparsed;
    private @Nullable String error;

    Invocation(Services services, CommandLine line) {
        this.services = services;
        this.line = line;
        line.setParameterExceptionHandler((e, a) -> wrongUsage(e));
        line.setExecutionExceptionHandler((e, l, r) -> failed(e));
    }

    /**
     * @throws InterruptedException if the thread was; the facts until then are written all the same
     */
    int run(String[] args) throws InterruptedException {
        int code;
        services.stop().begin();
        try {
            code = line.execute(args);
        } catch (RuntimeException | Error e) {
            code = failed(e);
        }
        services.stop().over();
        code = report(args, code);
        if (interrupted != null) {
            throw interrupted;
        }
        return code;
    }

    private int wrongUsage(ParameterException e) {
        unparsed = true;
        CommandLine at = e.getCommandLine();
        boolean top = at.getCommandSpec().parent() == null;
        say(OneLine.of(e.getMessage()));
        services.err()
                .println(
                        "usage: see `faultline help"
                                + (top ? "" : " " + at.getCommandName())
                                + "`");
        return ExitCode.USAGE;
    }

    private int failed(Throwable e) {
        if (services.stop().asked()) {
            // Whatever it is made of: a wait that was interrupted, a file closed under its writer.
            String reason = services.stop().reason();
            services.err().println("faultline: " + reason);
            return services.report().end(services.stop().code(), reason);
        }
        switch (e) {
            case InterruptedException i -> {
                interrupted = i;
                error = "interrupted";
            }
            case UsageException u -> {
                say(OneLine.of(u.getMessage()));
                return ExitCode.USAGE;
            }
            case MachineException m -> say(OneLine.of(m.getMessage()));
            case IOException io -> say(describe(io));
            case UncheckedIOException io ->
                    say(describe(Objects.requireNonNull(io.getCause(), "it is made of one")));
            default -> {
                say("internal error, please report it: " + OneLine.of(e.toString()));
                e.printStackTrace(services.err());
            }
        }
        return ExitCode.ERROR;
    }

    private void say(String what) {
        error = what;
        services.err().println("faultline: " + what);
    }

    private int report(String[] args, int code) {
        Path file = jsonFile(args);
        if (file == null) {
            return code;
        }
        try {
            services.report().write(file, code, error);
            return code;
        } catch (IOException e) {
            services.err()
                    .println("faultline: " + Report.OPTION + " cannot be written: " + describe(e));
            return code == ExitCode.DONE ? ExitCode.ERROR : code;
        }
    }

    /** Where the facts go; null if nobody asked, or only for help. */
    private @Nullable Path jsonFile(String[] args) {
        if (unparsed) {
            return wordAfterJson(args);
        }
        ParseResult at = line.getParseResult();
        while (at != null && at.hasSubcommand()) {
            at = at.subcommand();
        }
        if (at == null || at.isUsageHelpRequested()) {
            return null;
        }
        OptionSpec option = at.commandSpec().findOption(Report.OPTION);
        return option == null ? null : option.getValue();
    }

    /** A command line that could not be parsed still says where its error goes. */
    private static @Nullable Path wordAfterJson(String[] args) {
        String name = null;
        for (int i = 0; i < args.length; i++) {
            if (args[i].equals(Report.OPTION) && i + 1 < args.length) {
                name = args[i + 1];
            } else if (args[i].startsWith(Report.OPTION + "=")) {
                name = args[i].substring(Report.OPTION.length() + 1);
            }
        }
        try {
            return name == null || name.isEmpty() || name.startsWith("-") ? null : Path.of(name);
        } catch (InvalidPathException e) {
            return null; // The error that is told is the one of the parser.
        }
    }

    private static String describe(IOException e) {
        return switch (e) {
            case NoSuchFileException f -> f.getFile() + " does not exist";
            case AccessDeniedException f -> f.getFile() + " may not be read or written";
            case FileAlreadyExistsException f -> f.getFile() + " exists already";
            case FileSystemException f ->
                    f.getFile() + ": " + (f.getReason() == null ? f.getMessage() : f.getReason());
            default -> OneLine.of(e.getMessage());
        };
    }
}
