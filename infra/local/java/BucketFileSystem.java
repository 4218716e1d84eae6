import java.io.File;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.net.URI;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.fs.permission.FsPermission;

/**
 * Reads and writes s3://bucket/key as the file root/bucket/key.
 *
 * Hadoop's own local file system starts a process (ls, chmod) for the permissions of every file; objects have
 * none.
 */
public class BucketFileSystem extends RawLocalFileSystem {

    private URI uri;
    private File root;

    public void initialize(URI name, Configuration configuration) throws IOException {
        this.uri = URI.create(name.getScheme() + "://" + name.getAuthority());
        this.root = new File(configuration.get("fs.s3.root"), name.getAuthority());
        super.initialize(this.uri, configuration);
        setWorkingDirectory(new Path(this.uri.toString() + "/"));
    }

    public URI getUri() {
        return this.uri == null ? super.getUri() : this.uri;
    }

    public String getScheme() {
        return "s3";
    }

    public File pathToFile(Path path) {
        return new File(this.root, path.toUri().getPath());
    }

    public FileStatus getFileStatus(Path path) throws IOException {
        File file = pathToFile(path);
        boolean isFolder = file.isDirectory();
        if (!isFolder && !file.exists()) {
            throw new FileNotFoundException("No object " + path);
        }
        long length = isFolder ? 0L : file.length();
        return new FileStatus(
            length, isFolder, 1, getDefaultBlockSize(path), file.lastModified(), path.makeQualified(this.uri, getWorkingDirectory())
        );
    }

    public FileStatus[] listStatus(Path path) throws IOException {
        if (pathToFile(path).isFile()) {
            return new FileStatus[] { getFileStatus(path) };
        }
        return super.listStatus(path);
    }

    public void setPermission(Path path, FsPermission permission) {
    }

    public void setOwner(Path path, String user, String group) {
    }
}
