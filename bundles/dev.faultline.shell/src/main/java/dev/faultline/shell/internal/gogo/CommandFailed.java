// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.gogo;

import dev.faultline.api.vm.MachineException;
import java.io.IOException;
import java.io.Serial;
import java.nio.file.NoSuchFileException;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;

/**
 * A command that could not do what was asked. The shell prints an exception by {@link #toString}:
 * here one line for people.
 */
final class CommandFailed extends RuntimeException {
    @Serial private static final long serialVersionUID = 1L;

    private CommandFailed(String message, Throwable cause) {
        super(message, cause);
    }

    @Override
    public String toString() {
        return "vm: " + getMessage();
    }

    /**
     * The body of a command: what callers and guests can be blamed for becomes a line, bugs of ours
     * stay as they are.
     */
    static <T extends @Nullable Object> T orLine(Callable<T> body) {
        try {
            return body.call();
        } catch (NoSuchFileException e) {
            throw new CommandFailed(e.getFile() + " does not exist", e);
        } catch (MachineException
                | IOException
                | IllegalArgumentException
                | IllegalStateException e) {
            String m = String.valueOf(e.getMessage()).strip().replaceAll("\\s*\\R\\s*", "; ");
            throw new CommandFailed(m, e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CommandFailed("interrupted", e);
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }
}
